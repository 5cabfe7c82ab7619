"""Real programs of the OpenAI Agents SDK against a scripted API on this machine: their traces through the SDK's own exporter.

Usage: agents_program.py FOLDER MISSTEP_URL. Every body of the exporter goes to MISSTEP_URL/v1/traces/ingest and to FOLDER/<n>.json,
every response of the API to FOLDER/responses.json.
"""
import asyncio
import json
import os
import sys
import threading
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from typing import Any

# The whole test runs without a network: a proxy of the environment must not be asked for this machine.
os.environ["NO_PROXY"] = "127.0.0.1"
os.environ["OPENAI_API_KEY"] = "sk-scripted"

from agents import (  # noqa: E402
    Agent,
    GuardrailFunctionOutput,
    InputGuardrailTripwireTriggered,
    MaxTurnsExceeded,
    OpenAIChatCompletionsModel,
    OpenAIResponsesModel,
    RunConfig,
    Runner,
    function_tool,
    input_guardrail,
    set_trace_processors,
)
from agents.tracing import get_trace_provider  # noqa: E402
from agents.tracing.processors import BackendSpanExporter, BatchTraceProcessor  # noqa: E402
from openai import AsyncOpenAI  # noqa: E402

folder, misstep = sys.argv[1], sys.argv[2]
bodies = count(1)
numbers = count(1)
responses: list[dict[str, Any]] = []

USAGE = {
    "input_tokens": 10,
    "output_tokens": 5,
    "total_tokens": 15,
    "input_tokens_details": {"cached_tokens": 4},
    "output_tokens_details": {"reasoning_tokens": 0},
}


def call(name: str, arguments: dict[str, Any]) -> dict[str, Any]:
    return {"name": name, "arguments": json.dumps(arguments)}


# What each model answers, in order: a text, or calls of tools. The last answer repeats.
SCRIPTS: dict[str, list[Any]] = {
    "triage": [[call("divide", {"a": 1, "b": 0})], [call("divide", {"a": 1, "b": 2})], [call("transfer_to_billing", {})]],
    "billing": ["It is 0.5."],
    "endless": [[call("divide", {"a": 1, "b": 1})]],
    "chat": [[call("divide", {"a": 4, "b": 2})], "It is 2."],
}
turns = {name: iter([*script, *[script[-1]] * 100]) for name, script in SCRIPTS.items()}


def response(request: dict[str, Any], answer: Any) -> dict[str, Any]:
    n = next(numbers)
    if isinstance(answer, str):
        content = [{"type": "output_text", "text": answer, "annotations": []}]
        output = [{"type": "message", "id": f"msg_{n}", "role": "assistant", "status": "completed", "content": content}]
    else:
        output = [
            {"type": "function_call", "id": f"fc_{n}_{i}", "call_id": f"call_{n}_{i}", "status": "completed", **one}
            for i, one in enumerate(answer)
        ]
    return {
        "id": f"resp_{n}",
        "object": "response",
        "created_at": 1_760_000_000 + n,
        "status": "completed",
        "model": request["model"],
        "output": output,
        "tools": request.get("tools", []),
        "tool_choice": "auto",
        "parallel_tool_calls": True,
        "usage": USAGE,
    }


def completion(request: dict[str, Any], answer: Any) -> dict[str, Any]:
    n = next(numbers)
    message: dict[str, Any] = {"role": "assistant", "content": answer if isinstance(answer, str) else None}
    if not isinstance(answer, str):
        message["tool_calls"] = [{"id": f"call_{n}_{i}", "type": "function", "function": one} for i, one in enumerate(answer)]
    return {
        "id": f"chatcmpl_{n}",
        "object": "chat.completion",
        "created": 1_760_000_000 + n,
        "model": request["model"],
        "choices": [{"index": 0, "message": message, "finish_reason": "stop" if isinstance(answer, str) else "tool_calls"}],
        "usage": {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15},
    }


class Api(BaseHTTPRequestHandler):
    """The API of the models and, at /v1/traces/ingest, a copy of what the exporter posts."""

    def do_POST(self) -> None:
        raw = self.rfile.read(int(self.headers["content-length"]))
        given = json.loads(raw)
        if self.path == "/v1/traces/ingest":
            with open(f"{folder}/{next(bodies)}.json", "wb") as file:
                file.write(raw)
            headers = {"content-type": "application/json", "authorization": self.headers["authorization"]}
            with urllib.request.urlopen(urllib.request.Request(f"{misstep}/v1/traces/ingest", raw, headers)) as answer:
                self.answer(answer.status, {})
        elif given["model"] not in turns:
            self.answer(400, {"error": {"message": "no such model", "type": "invalid_request_error", "code": "model_not_found"}})
        elif self.path == "/v1/responses":
            made = response(given, next(turns[given["model"]]))
            responses.append({**made, "input": given["input"]})
            self.answer(200, made)
        else:
            self.answer(200, completion(given, next(turns[given["model"]])))

    def answer(self, status: int, body: dict[str, Any]) -> None:
        raw = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)

    def log_message(self, *_: Any) -> None:
        pass


@function_tool
def divide(a: float, b: float) -> float:
    """Divides a by b."""
    return a / b


@input_guardrail
async def no_secrets(_context: Any, _agent: Any, given: Any) -> GuardrailFunctionOutput:
    return GuardrailFunctionOutput(output_info="looked", tripwire_triggered="password" in str(given))


async def main(url: str) -> None:
    client = AsyncOpenAI(base_url=f"{url}/v1", api_key="sk-scripted", max_retries=0)
    told = lambda name: RunConfig(  # noqa: E731
        workflow_name=f"{name} workflow", group_id=f"session-{name}", trace_metadata={"api_key": "leak-me", "customer": "7"}
    )
    billing = Agent(name="billing", instructions="Answer.", model=OpenAIResponsesModel("billing", client))
    triage = Agent(
        name="triage", instructions="Divide.", model=OpenAIResponsesModel("triage", client), tools=[divide], handoffs=[billing]
    )
    await Runner.run(triage, "What is 1 / 2?", run_config=told("tools"))

    chat = Agent(name="chat", instructions="Divide.", model=OpenAIChatCompletionsModel("chat", client), tools=[divide])
    await Runner.run(chat, "What is 4 / 2?", run_config=told("chat"))

    endless = Agent(name="endless", model=OpenAIResponsesModel("endless", client), tools=[divide])
    try:
        await Runner.run(endless, "Go on.", max_turns=4, run_config=told("endless"))
    except MaxTurnsExceeded:
        pass

    guarded = Agent(name="guarded", model=OpenAIResponsesModel("billing", client), input_guardrails=[no_secrets])
    try:
        await Runner.run(guarded, "My password is x.", run_config=told("guarded"))
    except InputGuardrailTripwireTriggered:
        pass

    broken = Agent(name="broken", model=OpenAIChatCompletionsModel("no-such-model", client))
    try:
        await Runner.run(broken, "Hello?", run_config=told("broken"))
    except Exception as error:  # The API's own error, whichever class the client has for it.
        print(type(error).__name__)


server = ThreadingHTTPServer(("127.0.0.1", 0), Api)
threading.Thread(target=server.serve_forever, daemon=True).start()
url = f"http://127.0.0.1:{server.server_port}"
# Small batches: a trace and its spans come in bodies of their own.
exporter = BackendSpanExporter(endpoint=f"{url}/v1/traces/ingest")
set_trace_processors([BatchTraceProcessor(exporter, max_batch_size=4, schedule_delay=0.05)])
asyncio.run(main(url))
get_trace_provider().shutdown()
with open(f"{folder}/responses.json", "w") as file:
    json.dump(responses, file)
