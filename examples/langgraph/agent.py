"""A graph of LangGraph with a scripted model: it calls one tool and answers. No network but misstep."""
from langchain_core.language_models.fake_chat_models import GenericFakeChatModel
from langchain_core.messages import AIMessage
from langchain_core.tools import tool
from langgraph.graph import END, START, MessagesState, StateGraph
from langgraph.prebuilt import ToolNode
from openinference.instrumentation.langchain import LangChainInstrumentor
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

# Reads OTEL_EXPORTER_OTLP_ENDPOINT; http://localhost:4318 if unset.
provider = TracerProvider()
provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
LangChainInstrumentor().instrument(tracer_provider=provider)


@tool
def weather(city: str) -> str:
    """The weather of a city."""
    return "rain"


calls = [{"name": "weather", "args": {"city": "Bonn"}, "id": "call_1"}]
model = GenericFakeChatModel(messages=iter([AIMessage("", tool_calls=calls), AIMessage("It rains in Bonn.")]))

graph = StateGraph(MessagesState)
graph.add_node("forecaster", lambda state: {"messages": [model.invoke(state["messages"])]})
graph.add_node("tools", ToolNode([weather]))
graph.add_edge(START, "forecaster")
graph.add_conditional_edges("forecaster", lambda state: "tools" if state["messages"][-1].tool_calls else END, ["tools", END])
graph.add_edge("tools", "forecaster")

# The thread is the session. Without a limit of its own a loop ends after 10,007 supersteps.
config = {"configurable": {"thread_id": "weather-1"}, "recursion_limit": 25}
answer = graph.compile().invoke({"messages": [("user", "What is the weather in Bonn?")]}, config)
print(answer["messages"][-1].content)
provider.shutdown()
