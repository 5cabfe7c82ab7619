"""Real agents of Google's ADK with a scripted model, offline: their sessions as JSON, their spans by ADK's own exporter.

Usage: adk_program.py FOLDER, with OTEL_EXPORTER_OTLP_ENDPOINT set. Writes FOLDER/<scenario>.json (the session as the API gives it) and
FOLDER/<scenario>.snake.json (as `model_dump` gives it).
"""
import asyncio
import sys
from typing import Any, AsyncGenerator

from google.adk.agents import LlmAgent
from google.adk.agents.run_config import RunConfig, StreamingMode
from google.adk.models import BaseLlm, LlmRequest, LlmResponse
from google.adk.runners import Runner
from google.adk.sessions import InMemorySessionService
from google.adk.telemetry.setup import maybe_set_otel_providers
from google.adk.tools import LongRunningFunctionTool, ToolContext
from google.genai import types
from opentelemetry import trace

folder = sys.argv[1]
maybe_set_otel_providers()

USAGE = types.GenerateContentResponseUsageMetadata(prompt_token_count=10, candidates_token_count=5, total_token_count=15)


def call(name: str, **args: Any) -> types.Part:
    return types.Part(function_call=types.FunctionCall(name=name, args=args))


class Scripted(BaseLlm):
    """Answers with its script, one entry a call: a text, parts, or an error to raise."""

    script: list[Any]
    calls: int = 0

    async def generate_content_async(self, llm_request: LlmRequest, stream: bool = False) -> AsyncGenerator[LlmResponse, None]:
        answer = self.script[min(self.calls, len(self.script) - 1)]
        self.calls += 1
        if isinstance(answer, Exception):
            raise answer
        if isinstance(answer, LlmResponse):
            yield answer
            return
        parts = [types.Part(text=answer)] if isinstance(answer, str) else answer
        if stream and isinstance(answer, str):
            half = [types.Part(text=answer[:3])]
            yield LlmResponse(content=types.Content(role="model", parts=half), partial=True)
        yield LlmResponse(
            content=types.Content(role="model", parts=parts),
            usage_metadata=USAGE,
            model_version=self.model,
            finish_reason=types.FinishReason.STOP,
            partial=False,
        )


def divide(a: float, b: float) -> dict[str, Any]:
    """Divides a by b."""
    return {"status": "error", "error": "division by zero"} if b == 0 else {"status": "success", "result": a / b}


def remember(what: str, tool_context: ToolContext) -> dict[str, Any]:
    """Keeps a word."""
    tool_context.state["word"] = what
    return {"status": "success"}


def broken() -> dict[str, Any]:
    """Never works."""
    raise RuntimeError("no such table")


def ask_manager(amount: int) -> dict[str, Any]:
    """Asks for approval, which comes later."""
    return {"status": "pending", "ticket": "t-1"}


def agents() -> dict[str, LlmAgent]:
    billing = LlmAgent(
        name="billing", description="Knows bills.", model=Scripted(model="scripted-b", script=["It is 0.5."]), output_key="answer"
    )
    triage = Scripted(
        model="scripted-t",
        script=[
            [call("divide", a=1, b=0)],
            [call("divide", a=1, b=2), call("remember", what="half")],
            [call("transfer_to_agent", agent_name="billing")],
        ],
    )
    return {
        "tools": LlmAgent(name="triage", instruction="Divide.", model=triage, tools=[divide, remember], sub_agents=[billing]),
        "raising": LlmAgent(name="raising", model=Scripted(model="scripted", script=[[call("broken")]]), tools=[broken]),
        "waiting": LlmAgent(
            name="waiting",
            model=Scripted(model="scripted", script=[[call("ask_manager", amount=7)], "I have asked."]),
            tools=[LongRunningFunctionTool(func=ask_manager)],
        ),
        "failing": LlmAgent(name="failing", model=Scripted(model="scripted", script=[ConnectionError("model is away")])),
        "unsafe": LlmAgent(
            name="unsafe",
            model=Scripted(model="scripted", script=[LlmResponse(error_code="SAFETY", error_message="blocked", usage_metadata=USAGE)]),
        ),
    }


async def main() -> None:
    for name, agent in agents().items():
        sessions = InMemorySessionService()
        runner = Runner(app_name=f"app_{name}", agent=agent, session_service=sessions)
        await sessions.create_session(app_name=f"app_{name}", user_id="u", session_id=f"session-{name}")
        message = types.Content(role="user", parts=[types.Part(text="What is 1 / 2?")])
        config = RunConfig(streaming_mode=StreamingMode.SSE)
        try:
            async for _ in runner.run_async(user_id="u", session_id=f"session-{name}", new_message=message, run_config=config):
                pass
        except (RuntimeError, ConnectionError) as error:
            print(name, error)
        session = await sessions.get_session(app_name=f"app_{name}", user_id="u", session_id=f"session-{name}")
        for file, by_alias in ((name, True), (f"{name}.snake", False)):
            with open(f"{folder}/{file}.json", "w") as out:
                out.write(session.model_dump_json(by_alias=by_alias, exclude_none=True))


asyncio.run(main())
trace.get_tracer_provider().shutdown()
