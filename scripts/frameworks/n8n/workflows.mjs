/** Workflows of ours that need neither credentials nor the internet. Each starts by a webhook of its own name. */
const at = (i) => [i * 200, 0];
export const node = (name, type, parameters, more = {}) => ({
  id: `id-${name.toLowerCase().replaceAll(' ', '-')}`,
  name,
  type: `n8n-nodes-base.${type}`,
  typeVersion: 1,
  position: at(0),
  parameters,
  ...more,
});
const hook = (path) =>
  node('Hook', 'webhook', { path, httpMethod: 'POST', responseMode: 'lastNode' }, { typeVersion: 2, webhookId: path });
const code = (name, jsCode, more = {}) => node(name, 'code', { jsCode }, { typeVersion: 2, ...more });
const line = (...names) =>
  Object.fromEntries(names.slice(0, -1).map((name, i) => [name, { main: [[{ node: names[i + 1], type: 'main', index: 0 }]] }]));
export const to = (name) => ({ node: name, type: 'main', index: 0 });

export const workflow = (id, nodes, connections, settings = {}) => ({
  id,
  name: id,
  active: false,
  nodes,
  connections,
  settings: { executionOrder: 'v1', saveDataSuccessExecution: 'all', saveDataErrorExecution: 'all', ...settings },
});

/** What must be seen of each: node runs, their order, the end, and errors by node. */
export const workflows = [
  {
    expect: { status: 'success', runs: { Hook: 1, Make: 1, Sum: 1 }, outcome: 'ok' },
    workflow: workflow(
      'success',
      [
        hook('success'),
        code('Make', 'return [{json:{n:1}},{json:{n:2}}]'),
        code('Sum', 'return [{json:{sum:$input.all().reduce((a,i)=>a+i.json.n,0)}}]'),
      ],
      line('Hook', 'Make', 'Sum'),
    ),
  },
  {
    expect: { status: 'error', runs: { Hook: 1, Fail: 1 }, outcome: 'error', errors: ['Fail'], detectors: ['n8n_error'] },
    workflow: workflow(
      'failing',
      [
        hook('failing'),
        code('Fail', 'throw new Error("upstream said 503")', { retryOnFail: true, maxTries: 3, waitBetweenTries: 50 }),
        code('Never', 'return $input.all()'),
      ],
      line('Hook', 'Fail', 'Never'),
    ),
  },
  {
    expect: { status: 'success', runs: { Hook: 1, Items: 1, Loop: 4, Work: 3, Done: 1 }, outcome: 'ok' },
    workflow: workflow(
      'loop',
      [
        hook('loop'),
        code('Items', 'return [1,2,3].map(n=>({json:{n}}))'),
        node('Loop', 'splitInBatches', { options: {} }, { typeVersion: 3 }),
        code('Work', 'return $input.all().map(i=>({json:{n:i.json.n*2}}))'),
        code('Done', 'return [{json:{count:$input.all().length}}]'),
      ],
      { ...line('Hook', 'Items', 'Loop'), Loop: { main: [[to('Done')], [to('Work')]] }, Work: { main: [[to('Loop')]] } },
    ),
  },
  {
    expect: { status: 'success', runs: { Hook: 1, Try: 1, Rescue: 1 }, outcome: 'ok', handled: ['Try'] },
    workflow: workflow(
      'error-output',
      [
        hook('error-output'),
        code('Try', 'throw new Error("no such record")', { onError: 'continueErrorOutput' }),
        code('Good', 'return $input.all()'),
        code('Rescue', 'return [{json:{rescued:true}}]'),
      ],
      { ...line('Hook', 'Try'), Try: { main: [[to('Good')], [to('Rescue')]] } },
    ),
  },
  {
    expect: { status: 'success', runs: { Hook: 1, Call: 1, After: 1 }, outcome: 'ok', child: 'child' },
    workflow: workflow(
      'parent',
      [
        hook('parent'),
        node(
          'Call',
          'executeWorkflow',
          {
            workflowId: { __rl: true, mode: 'id', value: 'child' },
            workflowInputs: { mappingMode: 'defineBelow', value: {} },
            options: {},
          },
          { typeVersion: 1.2 },
        ),
        code('After', 'return $input.all()'),
      ],
      line('Hook', 'Call', 'After'),
    ),
  },
  {
    expect: { status: 'success', runs: { Start: 1, Inside: 1 }, outcome: 'ok', called: true },
    workflow: workflow(
      'child',
      [
        node('Start', 'executeWorkflowTrigger', { inputSource: 'passthrough' }, { typeVersion: 1.1 }),
        code('Inside', 'return [{json:{inside:true}}]'),
      ],
      line('Start', 'Inside'),
    ),
  },
  {
    // A circle that only a condition ends: 25 rounds.
    expect: { status: 'success', runs: { Hook: 1, Round: 25, Enough: 25, Out: 1 }, outcome: 'ok', detectors: ['n8n_cycle'] },
    workflow: workflow(
      'circle',
      [
        hook('circle'),
        code('Round', 'return [{json:{n:($input.first().json.n??0)+1}}]'),
        node(
          'Enough',
          'if',
          {
            conditions: {
              options: { caseSensitive: true, leftValue: '', typeValidation: 'loose', version: 2 },
              combinator: 'and',
              conditions: [
                { id: 'c', leftValue: '={{ $json.n }}', rightValue: 25, operator: { type: 'number', operation: 'gte' } },
              ],
            },
          },
          { typeVersion: 2.2 },
        ),
        code('Out', 'return $input.all()'),
      ],
      { ...line('Hook', 'Round', 'Enough'), Enough: { main: [[to('Out')], [to('Round')]] } },
    ),
  },
  {
    expect: { status: 'success', runs: { Hook: 1, Pause: 1, After: 1 }, outcome: 'ok', resumed: true },
    workflow: workflow(
      'waiting',
      [
        hook('waiting'),
        node('Pause', 'wait', { resume: 'webhook', httpMethod: 'POST', options: {} }, { typeVersion: 1.1, webhookId: 'pause' }),
        code('After', 'return [{json:{on:true}}]'),
      ],
      line('Hook', 'Pause', 'After'),
    ),
  },
  {
    expect: { manual: true },
    workflow: workflow(
      'manual',
      [node('Start', 'manualTrigger', {}), code('Make', 'return [{json:{n:1}}]')],
      line('Start', 'Make'),
    ),
  },
];
workflows.find(({ workflow: { id } }) => id === 'waiting').workflow.nodes[0].parameters.responseMode = 'onReceived';
