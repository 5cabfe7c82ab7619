"""Sends a run of one agent that repeats a search, with the OpenTelemetry Python SDK.

usage: send.py {grpc|http-protobuf} ENDPOINT {gzip|none}
"""

import sys

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

protocol, endpoint, compression = sys.argv[1:]
if protocol == "grpc":
    import grpc
    from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter

    gzip = grpc.Compression.Gzip if compression == "gzip" else grpc.Compression.NoCompression
    exporter = OTLPSpanExporter(endpoint=endpoint, insecure=True, compression=gzip)
else:
    from opentelemetry.exporter.otlp.proto.http import Compression
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

    gzip = Compression.Gzip if compression == "gzip" else Compression.NoCompression
    exporter = OTLPSpanExporter(endpoint=f"http://{endpoint}/v1/traces", compression=gzip)

provider = TracerProvider(resource=Resource.create({"service.name": "peer-python"}))
provider.add_span_processor(BatchSpanProcessor(exporter))
tracer = provider.get_tracer("peer")
agent = {"gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": "searcher", "gen_ai.conversation.id": f"python-{protocol}-{compression}"}
with tracer.start_as_current_span("invoke_agent searcher", attributes=agent):
    for i in range(5):
        call = {
            "gen_ai.operation.name": "execute_tool",
            "gen_ai.tool.name": "web_search",
            "gen_ai.tool.call.id": f"call_{i}",
            "gen_ai.tool.call.arguments": '{"query":"heat pump subsidy"}',
            "gen_ai.tool.call.result": '{"results":[]}',
        }
        with tracer.start_as_current_span("execute_tool web_search", attributes=call):
            pass
provider.shutdown()
