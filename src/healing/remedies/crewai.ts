/** CrewAI 1.15. */
import type { SomeRemedies } from './remedy.ts';

export const crewai: SomeRemedies = {
  step_limit: `
from crewai import Agent

agent = Agent(role=role, goal=goal, backstory=backstory, max_iter=10)
`,
  call_guard: `
from collections import Counter

from crewai.hooks import before_tool_call

calls = Counter()


@before_tool_call
def refuse_repeats(context):
    key = (context.tool_name, repr(sorted(context.tool_input.items())))
    calls[key] += 1
    return False if calls[key] > 2 else None
`,
  retry: `
from crewai import Agent

agent = Agent(role=role, goal=goal, backstory=backstory, max_retry_limit=2)
`,
  timeout: `
from crewai import Agent

# Seconds of one task.
agent = Agent(role=role, goal=goal, backstory=backstory, max_execution_time=120)
`,
  context: `
from crewai import Agent

agent = Agent(role=role, goal=goal, backstory=backstory, respect_context_window=True)
`,
  prompt: `
from crewai import Agent

agent = Agent(role=role, goal=goal, backstory=backstory + "\\n\\n" + {{text}})
`,
  schema: `
from crewai import Task
from pydantic import BaseModel


class Answer(BaseModel):
    answer: str
    sources: list[str]


task = Task(description=description, expected_output="An answer with its sources.", agent=agent, output_pydantic=Answer)
`,
  output_check: `
from crewai import Task


def check(output):
    wrong = problem_with(output.raw)
    return (True, output.raw) if wrong is None else (False, wrong)


task = Task(
    description=description,
    expected_output=expected_output,
    agent=agent,
    guardrail=check,
    guardrail_max_retries=2,
)
`,
  input_filter: `
from crewai.hooks import after_tool_call


@after_tool_call
def withhold(context):
    return "[withheld: the text gave orders]" if gives_orders(str(context.tool_result)) else None
`,
  approval: `
from crewai.hooks import before_tool_call


@before_tool_call
def ask(context):
    if context.tool_name != {{tool}}:
        return None
    answer = context.request_human_input(prompt=f"{context.tool_name} with {context.tool_input}?")
    return None if answer.strip().lower() == "yes" else False
`,
  checkpoint: `
from crewai.flow.flow import Flow, start
from crewai.flow.persistence import persist


@persist()
class Work(Flow):
    @start()
    def begin(self):
        # self.state is stored after each method; kickoff(inputs={"id": ...}) goes on from it.
        ...
`,
  budget: `
from crewai import Agent, Crew

agent = Agent(role=role, goal=goal, backstory=backstory, max_iter=10, max_rpm=10)
crew = Crew(agents=[agent], tasks=tasks, max_rpm=20)
# After the run: crew.usage_metrics
`,
  handoff: `
from crewai import Task

research = Task(description=description, expected_output="The facts, each with its source.", agent=researcher)
report = Task(description="Write the report.", expected_output="A report.", agent=writer, context=[research])
`,
  plan: `
from crewai import Crew

crew = Crew(agents=agents, tasks=tasks, planning=True)
`,
};
