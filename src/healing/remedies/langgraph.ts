/** LangGraph 1.2 and the agents of LangChain 1.5. */
import type { SomeRemedies } from './remedy.ts';

export const langgraph: SomeRemedies = {
  step_limit: `
# Each superstep counts; the run ends with GraphRecursionError. The default is much higher than an agent needs.
graph.invoke(inputs, config={"recursion_limit": 25})
`,
  call_guard: `
from langchain.agents import create_agent
from langchain.agents.middleware import ToolCallLimitMiddleware

agent = create_agent(
    model,
    tools,
    middleware=[ToolCallLimitMiddleware(tool_name={{tool}}, run_limit=5, exit_behavior="continue")],
)
`,
  retry: `
from langgraph.types import RetryPolicy

builder.add_node(
    "call",
    call,
    retry_policy=RetryPolicy(max_attempts=3, initial_interval=1.0, backoff_factor=2.0, jitter=True),
)
`,
  timeout: `
# Seconds of one run of the node.
builder.add_node("call", call, timeout=60)
`,
  context: `
from langchain.agents import create_agent
from langchain.agents.middleware import ClearToolUsesEdit, ContextEditingMiddleware, SummarizationMiddleware

agent = create_agent(
    model,
    tools,
    middleware=[
        ContextEditingMiddleware(edits=[ClearToolUsesEdit(trigger=60_000, keep=3)]),
        SummarizationMiddleware(model, trigger=("fraction", 0.45), keep=("messages", 20)),
    ],
)
`,
  prompt: `
from langchain.agents import create_agent

agent = create_agent(model, tools, system_prompt=system_prompt + "\\n\\n" + {{text}})
`,
  schema: `
from langchain.agents import create_agent
from pydantic import BaseModel


class Answer(BaseModel):
    answer: str
    sources: list[str]


agent = create_agent(model, tools, response_format=Answer)
`,
  output_check: `
from langgraph.graph import END


def check(state):
    wrong = problem_with(state["answer"])
    return {"wrong": wrong, "checks": state.get("checks", 0) + 1}


builder.add_node("check", check)
builder.add_edge("answer", "check")
builder.add_conditional_edges("check", lambda state: "answer" if state["wrong"] and state["checks"] < 3 else END)
`,
  input_filter: `
from langchain.agents.middleware import wrap_tool_call


@wrap_tool_call
def as_data(request, handler):
    message = handler(request)
    if gives_orders(str(message.content)):
        message.content = "[withheld: the text gave orders]"
    return message
`,
  approval: `
from langchain.agents import create_agent
from langchain.agents.middleware import HumanInTheLoopMiddleware
from langgraph.checkpoint.memory import InMemorySaver

agent = create_agent(
    model,
    tools,
    middleware=[HumanInTheLoopMiddleware(interrupt_on={{{tool}}: True})],
    checkpointer=InMemorySaver(),
)
`,
  checkpoint: `
from langgraph.checkpoint.memory import InMemorySaver

graph = builder.compile(checkpointer=InMemorySaver())
config = {"configurable": {"thread_id": "1"}}
# The newest state that is valid, and on from there.
good = next(snapshot for snapshot in graph.get_state_history(config) if valid(snapshot.values))
graph.invoke(None, config=good.config)
`,
  budget: `
from langchain.agents import create_agent
from langchain.agents.middleware import ModelCallLimitMiddleware

agent = create_agent(model, tools, middleware=[ModelCallLimitMiddleware(run_limit=20, exit_behavior="end")])
`,
  handoff: `
from langgraph.types import Command

TEAM = {"researcher", "writer"}


def hand_off(to: str, task: str, facts: dict) -> Command:
    if to not in TEAM:
        raise ValueError(f"{to} is not in the team: {sorted(TEAM)}")
    return Command(goto=to, update={"task": task, "facts": facts})
`,
  plan: `
from langchain.agents import create_agent
from langchain.agents.middleware import TodoListMiddleware

agent = create_agent(model, tools, middleware=[TodoListMiddleware()])
`,
};
