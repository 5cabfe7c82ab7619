/** AutoGen AgentChat 0.7. */
import type { SomeRemedies } from './remedy.ts';

export const autogen: SomeRemedies = {
  step_limit: `
from autogen_agentchat.conditions import MaxMessageTermination, TextMentionTermination
from autogen_agentchat.teams import RoundRobinGroupChat

team = RoundRobinGroupChat(
    agents,
    termination_condition=TextMentionTermination("TERMINATE") | MaxMessageTermination(20),
    max_turns=20,
)
`,
  timeout: `
from autogen_agentchat.conditions import TimeoutTermination
from autogen_agentchat.teams import RoundRobinGroupChat

team = RoundRobinGroupChat(agents, termination_condition=TimeoutTermination(timeout_seconds=120))
`,
  context: `
from autogen_agentchat.agents import AssistantAgent
from autogen_core.model_context import HeadAndTailChatCompletionContext

agent = AssistantAgent(
    name,
    model_client=model_client,
    model_context=HeadAndTailChatCompletionContext(head_size=2, tail_size=12),
)
`,
  prompt: `
from autogen_agentchat.agents import AssistantAgent

agent = AssistantAgent(name, model_client=model_client, system_message=system_message + "\\n\\n" + {{text}})
`,
  schema: `
from autogen_agentchat.agents import AssistantAgent
from pydantic import BaseModel


class Answer(BaseModel):
    answer: str
    sources: list[str]


agent = AssistantAgent(name, model_client=model_client, output_content_type=Answer)
`,
  output_check: `
from autogen_agentchat.agents import AssistantAgent
from autogen_agentchat.conditions import MaxMessageTermination, SourceMatchTermination, TextMentionTermination
from autogen_agentchat.teams import RoundRobinGroupChat

critic = AssistantAgent(
    "critic",
    model_client=model_client,
    system_message="Check the answer against the task. Say APPROVED, or name what is missing.",
)
approved = TextMentionTermination("APPROVED", sources=["critic"])
team = RoundRobinGroupChat([agent, critic], termination_condition=approved | MaxMessageTermination(12))
`,
  approval: `
from autogen_agentchat.agents import AssistantAgent, UserProxyAgent
from autogen_agentchat.conditions import MaxMessageTermination, TextMentionTermination
from autogen_agentchat.teams import RoundRobinGroupChat

person = UserProxyAgent("person", input_func=input)
team = RoundRobinGroupChat(
    [agent, person],
    termination_condition=TextMentionTermination("APPROVE", sources=["person"]) | MaxMessageTermination(20),
)
`,
  checkpoint: `
async def resumable(team, task, store):
    if store.exists():
        await team.load_state(store.read())
    result = await team.run(task=task)
    store.write(await team.save_state())
    return result
`,
  budget: `
from autogen_agentchat.conditions import TokenUsageTermination
from autogen_agentchat.teams import RoundRobinGroupChat

team = RoundRobinGroupChat(agents, termination_condition=TokenUsageTermination(max_total_token=50_000))
`,
  handoff: `
from autogen_agentchat.agents import AssistantAgent
from autogen_agentchat.base import Handoff

agent = AssistantAgent(
    name,
    model_client=model_client,
    handoffs=[Handoff(target="writer", message="Name the task, the facts, and when it is done.")],
)
`,
  plan: `
from autogen_agentchat.teams import MagenticOneGroupChat

# Keeps a ledger of facts and plan, and plans anew after two rounds without progress.
team = MagenticOneGroupChat(agents, model_client=model_client, max_turns=20, max_stalls=2)
`,
};
