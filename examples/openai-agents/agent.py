"""An agent of the OpenAI Agents SDK with a scripted API: it calls one tool and answers. No network but misstep."""
import os

import httpx2
from agents import Agent, OpenAIChatCompletionsModel, RunConfig, Runner, function_tool, set_trace_processors
from agents.tracing import get_trace_provider
from agents.tracing.processors import BackendSpanExporter, BatchTraceProcessor
from openai import AsyncOpenAI

# `set_` sends to misstep only, `add_trace_processor` to OpenAI as well. The exporter sends nothing without a key.
misstep = os.environ.get("MISSTEP_WEBHOOK", "http://localhost:4320")
set_trace_processors([BatchTraceProcessor(BackendSpanExporter(api_key="any", endpoint=f"{misstep}/v1/traces/ingest"))])

call = {"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": '{"city": "Bonn"}'}}
script = iter([{"content": None, "tool_calls": [call]}, {"content": "It rains in Bonn."}])


def answer(request: httpx2.Request) -> httpx2.Response:
    message = {"role": "assistant", **next(script)}
    choice = {"index": 0, "message": message, "finish_reason": "tool_calls" if "tool_calls" in message else "stop"}
    usage = {"prompt_tokens": 20, "completion_tokens": 5, "total_tokens": 25}
    return httpx2.Response(
        200, json={"id": "c1", "object": "chat.completion", "created": 0, "model": "scripted", "choices": [choice], "usage": usage}
    )


client = AsyncOpenAI(api_key="any", http_client=httpx2.AsyncClient(transport=httpx2.MockTransport(answer)))


@function_tool
def weather(city: str) -> str:
    """The weather of a city."""
    return "rain"


agent = Agent(name="forecaster", model=OpenAIChatCompletionsModel("scripted", client), tools=[weather])
# The group is the session.
result = Runner.run_sync(agent, "What is the weather in Bonn?", run_config=RunConfig(group_id="weather-1"))
print(result.final_output)
get_trace_provider().shutdown()
