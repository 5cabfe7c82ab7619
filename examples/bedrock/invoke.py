"""Asks a Bedrock agent and hands its trace to misstep. Needs boto3 and an account; `tell` needs neither."""
import json
import os
import sys
import urllib.request

MISSTEP = os.environ.get("MISSTEP_WEBHOOK", "http://127.0.0.1:4320")


def tell(events):
    """Trace parts of one run, as `invoke_agent` gives them with enableTrace=True."""
    request = urllib.request.Request(
        MISSTEP + "/api/v1/bedrock/webhook",
        json.dumps({"events": events}, default=str).encode(),
        {"Content-Type": "application/json"},
    )
    return json.load(urllib.request.urlopen(request, timeout=10))


def main(agent, alias, question):
    import boto3

    answer = boto3.client("bedrock-agent-runtime").invoke_agent(
        agentId=agent, agentAliasId=alias, sessionId="example", inputText=question, enableTrace=True
    )
    events = []
    # The stream must be read to its end.
    for event in answer["completion"]:
        if "trace" in event:
            events.append(event["trace"])
        if "chunk" in event:
            print(event["chunk"]["bytes"].decode(), end="")
    print("\n", tell(events))


if __name__ == "__main__":
    main(*sys.argv[1:4])
