"""A client written from the seed's published text alone: every route of its API reference, every field that it names.

`seed_client.py URL KEY` prints the routes that are not served as a JSON list; exits with 1 where one answers otherwise than the text says.
"""
import json
import sys
import time
import urllib.error
import urllib.request

BASE, KEY = sys.argv[1] + '/api/v1', sys.argv[2]
missing = []


def call(method, path, body=None, auth=True, status=(200, 201, 202), headers=None, route=None):
    headers = dict(headers or {})
    if auth:
        headers.setdefault('X-Pisama-API-Key', KEY)
    data = None
    if body is not None:
        data = json.dumps(body).encode()
        headers['Content-Type'] = 'application/json'
    request = urllib.request.Request(BASE + path, data=data, method=method, headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=30) as response:
            code, text = response.status, response.read().decode()
    except urllib.error.HTTPError as error:
        code, text = error.code, error.read().decode()
    if code == 404 and 'no-such-path' in text:
        missing.append(f'{method} {route or path.split("?")[0]}')
        return None
    allowed = (status,) if isinstance(status, int) else status
    assert code in allowed, f'{method} {path}: {code}, expected {allowed}: {text[:500]}'
    if not text:
        return None
    return json.loads(text) if text[0] in '{[' else text


def has(value, *names):
    for name in names:
        assert name in value, f'{name} is not in {sorted(value)}'
    return value


# Authentication
tenant = has(call('POST', '/auth/tenants', {'name': 'My Organization'}, auth=False), 'id', 'name', 'api_key', 'created_at')
assert tenant['name'] == 'My Organization'
token = has(call('POST', '/auth/token', {'api_key': KEY}, auth=False), 'access_token', 'token_type')
assert token['token_type'] == 'bearer'
bearer = {'Authorization': 'Bearer ' + token['access_token']}
key = has(call('POST', '/auth/api-keys', {'name': 'production-key'}, auth=False, headers=bearer), 'id', 'name', 'key', 'key_prefix', 'created_at')
assert key['key'].startswith(key['key_prefix'])
assert any(one['id'] == key['id'] for one in call('GET', '/auth/api-keys'))
call('DELETE', f'/auth/api-keys/{key["id"]}', status=(200, 204))
call('GET', '/auth/me', auth=False, headers=bearer)

# Ingestion, as the integration examples have it
now = time.time_ns()
attributes = lambda **pairs: [{'key': k.replace('__', '.'), 'value': v} for k, v in pairs.items()]
spans = [
    {
        'traceId': '5eed' * 8, 'spanId': f'{i + 1:016x}', 'name': 'agent-step', 'kind': 1,
        'startTimeUnixNano': str(now + i * 10**9), 'endTimeUnixNano': str(now + i * 10**9 + 10**8),
        'attributes': attributes(gen_ai__agent_id={'stringValue': 'planner'}, gen_ai__token_count={'intValue': '1500'},
                                 gen_ai__operation__name={'stringValue': 'execute_tool'}, gen_ai__tool__name={'stringValue': 'search'},
                                 gen_ai__tool__call__arguments={'stringValue': '{"q":"x"}'}, gen_ai__tool__call__result={'stringValue': 'none'}),
    }
    for i in range(12)
]
call('POST', '/traces/ingest', {'resourceSpans': [{'scopeSpans': [{'spans': spans}]}]}, status=202)
started = '2026-01-01T00:00:00Z'
webhooks = {
    '/n8n/webhook': {'executionId': 'e1', 'workflowId': 'w1', 'workflowName': 'W', 'mode': 'manual', 'startedAt': started,
                     'status': 'success', 'data': [{'json': {'a': 1}}]},
    '/langgraph/webhook': {'run_id': 'r1', 'assistant_id': 'a1', 'thread_id': 't1', 'graph_id': 'g1', 'started_at': started,
                           'finished_at': started, 'status': 'completed', 'total_tokens': 10, 'total_steps': 1,
                           'steps': [{'step': 1, 'node': 'plan', 'inputs': {'q': 1}, 'outputs': {'a': 2}}]},
    '/dify/webhook': {'workflow_run_id': 'd1', 'app_id': 'a1', 'app_name': 'My Dify App', 'app_type': 'workflow', 'started_at': started,
                      'status': 'succeeded', 'total_tokens': 2500, 'nodes': [{'node_id': 'n1', 'node_type': 'llm', 'title': 'LLM', 'status': 'succeeded'}]},
    '/openclaw/webhook': {'session_id': 's1', 'instance_id': 'i1', 'agent_name': 'support-bot', 'channel': 'whatsapp', 'started_at': started,
                          'status': 'completed', 'message_count': 1, 'events': [{'type': 'message', 'content': 'hi', 'timestamp': started}]},
}
for path, body in webhooks.items():
    answer = has(call('POST', path, body), 'success', 'trace_id', 'states_created')
    assert answer['success'] is True and answer['trace_id']
    if path == '/n8n/webhook':
        has(answer, 'quality_assessment_triggered')
has(call('POST', '/traces/claude-code/ingest',
         {'source': 'claude-code', 'version': '0.1.0', 'uploaded_at': started, 'trace_count': 1,
          'traces': [{'session_id': 'cc1', 'hook_event_name': 'PostToolUse', 'tool_name': 'Bash', 'tool_input': {'command': 'ls'},
                      'tool_response': {'stdout': 'a', 'stderr': ''}, 'tool_use_id': 't1'}]}),
    'success', 'traces_received', 'traces_stored', 'session_ids')
for path, body in {'/n8n/workflows': {'workflow_id': 'w1', 'name': 'W'}, '/langgraph/deployments': {'name': 'd', 'deployment_id': 'd1'},
                   '/dify/instances': {'name': 'd', 'base_url': 'https://dify.example'},
                   '/openclaw/instances': {'name': 'o', 'gateway_url': 'https://claw.example'}}.items():
    has(call('POST', path, body), 'id')
    call('GET', path)

# Conversations
talk = call('POST', '/conversations/ingest', {'messages': [{'role': 'user', 'content': 'Hello'}, {'role': 'assistant', 'content': 'Hi.'}]}, status=201)
conversation = talk['conversation_id']
for _ in range(100):
    if call('GET', f'/conversations/{conversation}', status=(200, 404), route='/conversations/{conversation_id}').get('turns'):
        break
    time.sleep(0.1)
has(call('GET', '/conversations?page=1&per_page=5'), 'total', 'page', 'per_page')
has(call('GET', f'/conversations/{conversation}'), 'turns')
call('POST', f'/conversations/{conversation}/analyze')

# Traces
for _ in range(100):
    listed = has(call('GET', '/traces?page=1&per_page=20&date_from=2000-01-01'), 'traces', 'total', 'page', 'per_page')
    if listed['total'] >= 6:
        break
    time.sleep(0.1)
call('GET', '/traces?framework=langgraph&status=completed&date_to=2100-01-01')
assert call('GET', '/traces?framework=n8n')['total'] == 1
trace = has(call('GET', '/traces/' + '5eed' * 8), 'id', 'session_id', 'framework', 'status', 'total_tokens', 'total_cost_cents',
            'created_at', 'completed_at', 'state_count', 'detection_count')
states = call('GET', '/traces/' + '5eed' * 8 + '/states')
assert [one['sequence_num'] for one in states] == sorted(one['sequence_num'] for one in states)
has(states[0], 'agent_id', 'state_delta', 'state_hash', 'token_count', 'latency_ms')

# Onboarding, and detections to look at
call('POST', '/onboarding/demo')
has(call('GET', '/onboarding/status'))
found = has(call('GET', '/detections?page=1&per_page=10&confidence_min=0&confidence_max=100&validated=false'), 'items', 'total', 'page', 'per_page')
assert found['total'] > 0
call('GET', '/detections?detection_type=loop&trace_id=' + '5eed' * 8 + '&date_from=2000-01-01&date_to=2100-01-01')
detection = has(found['items'][0], 'id', 'trace_id', 'detection_type', 'confidence', 'method', 'details', 'validated', 'false_positive',
                'explanation', 'business_impact', 'suggested_action', 'confidence_tier', 'quality_score')
assert isinstance(detection['confidence'], int) and 0 <= detection['confidence'] <= 100
assert detection['confidence_tier'] in ('HIGH', 'LIKELY', 'POSSIBLE', 'LOW')
one = f'/detections/{detection["id"]}'
has(call('GET', one), 'explanation')
for method in ('PUT', 'POST'):
    judged = call(method, one + '/validate', {'false_positive': True, 'notes': 'This was expected behavior'})
    assert judged['validated'] is True and judged['false_positive'] is True
fixes = call('GET', one + '/fixes', route='/detections/{detection_id}/fixes')
if fixes is not None:
    listed = fixes if isinstance(fixes, list) else next(v for v in fixes.values() if isinstance(v, list))
    if listed:
        call('POST', f'{one}/fixes/{listed[0]["id"]}/apply')
healing = call('POST', f'/healing/trigger/{detection["id"]}', {'approval_required': False}, route='/healing/trigger/{detection_id}')
if healing is not None:
    has(healing, 'healing_id', 'detection_id', 'status')
call('GET', '/healing')

# The rest
call('GET', '/agents')
for path in ('loops?days=30', 'costs', 'cost', 'quality'):
    call('GET', '/analytics/' + path)
call('POST', '/feedback', {'detection_id': found['items'][1]['id'], 'is_correct': True, 'reason': 'right', 'severity_rating': 3}, status=201)
for path in ('', '/stats', '/recommendations'):
    call('GET', '/feedback' + path)
for path in ('', '/summary', '/modes?tier=1', '/modes?category=rag', '/methodology'):
    call('GET', '/benchmarks' + path)
call('GET', '/diagnostics/detector-status')
assert isinstance(call('GET', '/metrics'), str)
has(call('GET', '/metrics/json'), 'traces', 'detections', 'tokens', 'cost', 'detectors')
call('POST', '/metrics/datadog/flush', status=(200, 409))
call('GET', '/metrics/datadog/dashboard')
thresholds = {
    'global_thresholds': {'structural_threshold': 0.85, 'semantic_threshold': 0.80, 'loop_detection_window': 8, 'min_matches_for_loop': 3,
                          'confidence_scaling': 1.0},
    'framework_thresholds': {'langgraph': {'loop_detection_window': 10, 'semantic_threshold': 0.75}},
}
call('PUT', '/settings/thresholds', thresholds, auth=False, headers=bearer)
call('GET', '/settings/thresholds')
group = has(call('POST', '/workflow-groups', {'name': 'g'}), 'id')
call('GET', '/workflow-groups')
call('PUT', f'/workflow-groups/{group["id"]}', {'name': 'h'})
call('POST', f'/workflow-groups/{group["id"]}/assign', {'workflow_ids': ['w1']})
call('DELETE', f'/workflow-groups/{group["id"]}', status=(200, 204))
health = has(call('GET', '/health', auth=False), 'status', 'database', 'redis', 'version')
assert (health['status'], health['database']) == ('healthy', 'healthy')
print(json.dumps(sorted(set(missing))))
