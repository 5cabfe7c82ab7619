/** OpenAI Agents SDK 0.20. */
import type { SomeRemedies } from './remedy.ts';

export const openaiAgents: SomeRemedies = {
  step_limit: `
from agents import Runner


async def run(agent, task):
    # MaxTurnsExceeded after ten turns of the model.
    return await Runner.run(agent, task, max_turns=10)
`,
  call_guard: `
from collections import Counter

from agents import ToolGuardrailFunctionOutput, tool_input_guardrail

calls = Counter()


@tool_input_guardrail
def refuse_repeats(data):
    key = (data.context.tool_name, data.context.tool_arguments)
    calls[key] += 1
    if calls[key] > 2:
        return ToolGuardrailFunctionOutput.reject_content("You made this call twice. Change it or give your answer.")
    return ToolGuardrailFunctionOutput.allow()
`,
  retry: `
from agents import Agent, ModelRetryBackoffSettings, ModelRetrySettings, ModelSettings

agent = Agent(
    name=name,
    model_settings=ModelSettings(
        retry=ModelRetrySettings(
            max_retries=3,
            backoff=ModelRetryBackoffSettings(initial_delay=1.0, max_delay=30.0, multiplier=2.0, jitter=True),
        )
    ),
)
`,
  timeout: `
from agents import function_tool


@function_tool(timeout=30.0, timeout_behavior="error_as_result")
async def call(query: str) -> str:
    """Runs for 30 seconds at most."""
    return await service(query)
`,
  context: `
from agents import Agent, ModelSettings, RunConfig, SessionSettings

agent = Agent(name=name, model_settings=ModelSettings(truncation="auto"))
run_config = RunConfig(session_settings=SessionSettings(limit=40))
`,
  prompt: `
from agents import Agent

agent = Agent(name=name, instructions=instructions + "\\n\\n" + {{text}})
`,
  schema: `
from agents import Agent
from pydantic import BaseModel


class Answer(BaseModel):
    answer: str
    sources: list[str]


agent = Agent(name=name, instructions=instructions, output_type=Answer)
`,
  output_check: `
from agents import Agent, GuardrailFunctionOutput, output_guardrail


@output_guardrail
async def check(context, agent, output):
    wrong = problem_with(output)
    return GuardrailFunctionOutput(output_info=wrong, tripwire_triggered=wrong is not None)


agent = Agent(name=name, instructions=instructions, output_guardrails=[check])
`,
  input_filter: `
from agents import ToolGuardrailFunctionOutput, tool_output_guardrail


@tool_output_guardrail
def withhold(data):
    if gives_orders(str(data.output)):
        return ToolGuardrailFunctionOutput.reject_content("[withheld: the text gave orders]")
    return ToolGuardrailFunctionOutput.allow()
`,
  approval: `
from agents import function_tool


@function_tool(needs_approval=True)
async def sensitive(target: str) -> str:
    """Waits in result.interruptions until state.approve() or state.reject()."""
    return await act(target)
`,
  checkpoint: `
from agents import Runner, SQLiteSession


async def run(agent, task):
    session = SQLiteSession("run-1", "sessions.db")
    return await Runner.run(agent, task, session=session)
`,
  budget: `
from agents import Agent, ModelSettings, RunHooks


class Budget(RunHooks):
    def __init__(self, tokens):
        self.tokens = tokens

    async def on_llm_start(self, context, agent, system_prompt, input_items):
        if context.usage.total_tokens >= self.tokens:
            raise RuntimeError(f"budget: {context.usage.total_tokens} of {self.tokens} tokens used")


agent = Agent(name=name, model_settings=ModelSettings(max_tokens=2_000))
`,
  handoff: `
from agents import Agent, handoff
from pydantic import BaseModel


class Order(BaseModel):
    task: str
    facts: list[str]
    done_when: str


async def received(context, order: Order):
    if not order.facts:
        raise ValueError("a handoff names its facts")


agent = Agent(name=name, handoffs=[handoff(writer, input_type=Order, on_handoff=received)])
`,
  plan: `
from agents import Agent
from pydantic import BaseModel


class Plan(BaseModel):
    goal: str
    tasks: list[str]


planner = Agent(name="planner", instructions="Split the task. Each part can be checked on its own.", output_type=Plan)
`,
};
