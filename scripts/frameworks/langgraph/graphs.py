"""Real LangGraph graphs with a scripted model, offline: their debug streams, histories and OpenInference spans.

Usage: graphs.py FOLDER OTLP_URL. Writes FOLDER/<graph>.json (the stream) and FOLDER/<graph>.history.json.
"""
import json
import operator
import sys
from typing import Annotated, Any, TypedDict

from langchain_core.language_models.fake_chat_models import GenericFakeChatModel
from langchain_core.messages import AIMessage, HumanMessage
from langchain_core.messages.base import BaseMessage
from langchain_core.tools import tool
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.errors import GraphRecursionError
from langgraph.graph import END, START, MessagesState, StateGraph
from langgraph.prebuilt import ToolNode
from openinference.instrumentation.langchain import LangChainInstrumentor
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor

folder, url = sys.argv[1], sys.argv[2]
provider = TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(OTLPSpanExporter(endpoint=url + "/v1/traces")))
LangChainInstrumentor().instrument(tracer_provider=provider)


class Scripted(GenericFakeChatModel):
    def bind_tools(self, tools: Any, **_: Any) -> "Scripted":
        return self


def usage(text: str = "", calls: list | None = None) -> AIMessage:
    return AIMessage(
        content=text,
        tool_calls=calls or [],
        usage_metadata={"input_tokens": 10, "output_tokens": 5, "total_tokens": 15},
        response_metadata={"model_name": "scripted-1"},
    )


def call(name: str, args: dict, id: str) -> dict:
    return {"name": name, "args": args, "id": id, "type": "tool_call"}


@tool
def divide(a: float, b: float) -> float:
    """Divides."""
    return a / b


def agent(script: list[AIMessage], loop_only: bool = False) -> StateGraph:
    model = Scripted(messages=iter(script))
    graph = StateGraph(MessagesState)
    graph.add_node("model", lambda state: {"messages": [model.invoke(state["messages"])]})
    graph.add_node("tools", ToolNode([divide], handle_tool_errors=True))
    graph.add_edge(START, "model")
    graph.add_conditional_edges("model", lambda state: "tools" if state["messages"][-1].tool_calls else END, ["tools", END])
    graph.add_edge("tools", "model")
    return graph


class Count(TypedDict):
    n: int
    log: Annotated[list[str], operator.add]


def endless() -> StateGraph:
    graph = StateGraph(Count)
    graph.add_node("work", lambda state: {"n": state["n"], "log": ["same"]})
    graph.add_edge(START, "work")
    graph.add_conditional_edges("work", lambda state: "work", ["work", END])
    return graph


def nested() -> StateGraph:
    inner = StateGraph(Count)
    inner.add_node("one", lambda state: {"n": state["n"] + 1, "log": ["one"]})
    inner.add_node("two", lambda state: {"n": state["n"] + 1, "log": ["two"]})
    inner.add_edge(START, "one")
    inner.add_edge("one", "two")
    outer = StateGraph(Count)
    outer.add_node("before", lambda state: {"n": state["n"] + 1, "log": ["before"]})
    outer.add_node("inner", inner.compile())
    outer.add_edge(START, "before")
    outer.add_edge("before", "inner")
    return outer


def broken() -> StateGraph:
    def fail(state: Count) -> dict:
        raise ValueError("no such record")

    graph = StateGraph(Count)
    graph.add_node("fail", fail)
    graph.add_edge(START, "fail")
    return graph


def deep():
    from deepagents import create_deep_agent

    script = [
        usage(calls=[call("write_todos", {"todos": [{"content": "look it up", "status": "in_progress"}]}, "c1")]),
        usage(calls=[call("task", {"description": "look it up", "subagent_type": "researcher"}, "c2")]),
        usage("found by the sub-agent"),
        usage("done"),
    ]
    model = Scripted(messages=iter(script))
    return create_deep_agent(
        model=model,
        tools=[],
        subagents=[{"name": "researcher", "description": "Looks things up.", "system_prompt": "Look it up.", "model": model}],
        checkpointer=InMemorySaver(),
    )


def plain(value: Any) -> Any:
    if isinstance(value, BaseMessage):
        return value.model_dump(mode="json")
    if isinstance(value, dict):
        return {str(key): plain(one) for key, one in value.items()}
    if hasattr(value, "_asdict"):
        return plain(value._asdict())
    if isinstance(value, (list, tuple)):
        return [plain(one) for one in value]
    return value if isinstance(value, (str, int, float, bool)) or value is None else str(value)


ask = {"messages": [HumanMessage("What is 6 / 0, and what 6 / 2?")]}
count = {"n": 0, "log": []}
graphs = {
    "tools": (
        agent(
            [
                usage(calls=[call("divide", {"a": 6, "b": 0}, "t1")]),
                usage(calls=[call("divide", {"a": 6, "b": 2}, "t2")]),
                usage("The first has no answer, the second is 3."),
            ]
        ),
        ask,
        {},
    ),
    "endless": (endless(), count, {"recursion_limit": 12}),
    "nested": (nested(), count, {}),
    "broken": (broken(), count, {}),
    "deep": (None, {"messages": [HumanMessage("Find out.")]}, {}),
}

for name, (graph, given, limits) in graphs.items():
    try:
        compiled = deep() if graph is None else graph.compile(checkpointer=InMemorySaver())
    except ImportError:
        continue
    config = {"configurable": {"thread_id": f"thread-{name}", "authorization": "Bearer leak"}, **limits}
    records: list = []
    error = None
    try:
        for part in compiled.stream(given, config, stream_mode="debug", subgraphs=True):
            records.append([list(part[0]), "debug", part[1]])
    except (GraphRecursionError, ValueError) as raised:
        error = {"type": type(raised).__name__, "message": str(raised)}
    body: dict = {"run_id": f"run-{name}", "thread_id": f"thread-{name}", "steps": plain(records)}
    if error is not None:
        body.update(status="error", error=error)
    with open(f"{folder}/{name}.json", "w") as file:
        json.dump(body, file)
    with open(f"{folder}/{name}.history.json", "w") as file:
        json.dump(plain(list(compiled.get_state_history(config))), file)
provider.force_flush()

# The default of the library, without a stream: that of 10,007 supersteps is long.
LangChainInstrumentor().uninstrument()
try:
    endless().compile().invoke(count)
except GraphRecursionError as raised:
    unlimited = {"run_id": "run-unlimited", "steps": [], "status": "error"}
    with open(f"{folder}/unlimited.json", "w") as file:
        json.dump({**unlimited, "error": {"type": type(raised).__name__, "message": str(raised)}}, file)
