"""An agent of Google's ADK with a scripted model: it calls one tool and answers. No network but misstep."""
import asyncio
from typing import AsyncGenerator

from google.adk.agents import LlmAgent
from google.adk.models import BaseLlm, LlmRequest, LlmResponse
from google.adk.runners import InMemoryRunner
from google.adk.telemetry.setup import maybe_set_otel_providers
from google.genai import types
from opentelemetry import trace

# Reads OTEL_EXPORTER_OTLP_ENDPOINT; without it nothing is sent.
maybe_set_otel_providers()

call = types.Part(function_call=types.FunctionCall(name="weather", args={"city": "Bonn"}))
script = iter([call, types.Part(text="It rains in Bonn.")])
usage = types.GenerateContentResponseUsageMetadata(prompt_token_count=20, candidates_token_count=5)


class Scripted(BaseLlm):
    async def generate_content_async(self, llm_request: LlmRequest, stream: bool = False) -> AsyncGenerator[LlmResponse, None]:
        yield LlmResponse(content=types.Content(role="model", parts=[next(script)]), usage_metadata=usage)


def weather(city: str) -> dict[str, str]:
    """The weather of a city."""
    return {"status": "success", "weather": "rain"}


async def main() -> None:
    runner = InMemoryRunner(LlmAgent(name="forecaster", model=Scripted(model="scripted"), tools=[weather]), app_name="weather")
    await runner.session_service.create_session(app_name="weather", user_id="u", session_id="weather-1")
    question = types.Content(role="user", parts=[types.Part(text="What is the weather in Bonn?")])
    async for event in runner.run_async(user_id="u", session_id="weather-1", new_message=question):
        if event.is_final_response():
            print(event.content.parts[0].text)


asyncio.run(main())
trace.get_tracer_provider().shutdown()
