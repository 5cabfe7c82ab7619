"""Runs the openai client under one instrumentation and writes what the SDK exports as one OTLP/JSON request.

usage: openai_client.py {openai-v2|openinference|traceloop} MODEL_URL OUT
"""

import base64
import json
import os
import random
import sys

which, url, out = sys.argv[1:]
os.environ["OTEL_SEMCONV_STABILITY_OPT_IN"] = "gen_ai_latest_experimental"
os.environ["OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"] = "SPAN_ONLY"
os.environ["TRACELOOP_TRACE_CONTENT"] = "true"

from google.protobuf.json_format import MessageToDict  # noqa: E402
from openai import OpenAI  # noqa: E402
from opentelemetry import trace  # noqa: E402
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans  # noqa: E402
from opentelemetry.sdk.resources import Resource  # noqa: E402
from opentelemetry.sdk.trace import TracerProvider  # noqa: E402
from opentelemetry.sdk.trace.export import SimpleSpanProcessor  # noqa: E402
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter  # noqa: E402

random.seed(which)  # the SDK draws its ids from here
memory = InMemorySpanExporter()
provider = TracerProvider(resource=Resource.create({"service.name": f"record-{which}", "service.instance.id": "1"}))
provider.add_span_processor(SimpleSpanProcessor(memory))
trace.set_tracer_provider(provider)

if which == "openai-v2":
    from opentelemetry.instrumentation.openai_v2 import OpenAIInstrumentor
elif which == "openinference":
    from openinference.instrumentation.openai import OpenAIInstrumentor
else:
    from opentelemetry.instrumentation.openai import OpenAIInstrumentor
OpenAIInstrumentor().instrument(tracer_provider=provider)

client = OpenAI(base_url=url, api_key="none")
tools = [
    {
        "type": "function",
        "function": {
            "name": "get_weather",
            "description": "Weather of a city, now.",
            "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
        },
    }
]
messages = [
    {"role": "system", "content": "You answer questions about the weather."},
    {"role": "user", "content": "What is the weather in Oslo?"},
]
with trace.get_tracer("record").start_as_current_span("weather-run"):
    while True:
        reply = client.chat.completions.create(model="gpt-4.1-mini", messages=messages, tools=tools)
        message = reply.choices[0].message
        if not message.tool_calls:
            break
        messages.append(message.model_dump(exclude_none=True))
        for call in message.tool_calls:
            messages.append({"role": "tool", "tool_call_id": call.id, "content": '{"city": "Oslo", "celsius": -3}'})


def hex_ids(value):
    """Protobuf's own JSON writes ids in base64; OTLP/JSON wants hex."""
    if isinstance(value, list):
        return [hex_ids(one) for one in value]
    if not isinstance(value, dict):
        return value
    return {
        key: base64.b64decode(one).hex() if key in ("traceId", "spanId", "parentSpanId") else hex_ids(one)
        for key, one in value.items()
    }


request = MessageToDict(encode_spans(memory.get_finished_spans()), use_integers_for_enums=True)
with open(out, "w", encoding="utf-8") as file:
    json.dump(hex_ids(request), file, indent=1, ensure_ascii=False)
    file.write("\n")
