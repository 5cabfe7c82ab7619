import { edges, flow, node, ran } from '../../src/detector/testing/n8n.ts';
import { testDetector } from '../../src/detector/testing/tester.ts';
import n8nSchema from './n8n_schema.ts';

testDetector(
  n8nSchema,
  {
    quiet: [
      {
        name: 'expressions that find their nodes',
        nearMiss: true,
        steps: [flow([node('A', 'set'), node('B', 'set', { parameters: { value: "={{ $('A').item.json.x }}" } })])],
      },
      {
        name: 'a script for a browser in the body of a request',
        nearMiss: true,
        steps: [
          flow([
            node('A', 'set'),
            node('B', 'httpRequest', {
              parameters: { jsonBody: `={ "url": "{{ $('A').item.json.url }}", "script": "const t = $('title').text();" }` },
            }),
          ]),
        ],
      },
      {
        name: 'a Code node with a $ of its own',
        nearMiss: true,
        steps: [
          flow([node('B', 'code', { parameters: { jsCode: "const $ = cheerio.load(html);\nreturn $('title').text();" } })]),
        ],
      },
      { name: 'a computed name', steps: [flow([node('B', 'set', { parameters: { value: '={{ $(`{{x}}`).item }}' } })])] },
      {
        name: 'a field that is there',
        steps: [
          ran('A', { 'node.outputs': [{ json: { x: 1 } }] }),
          ran('B'),
          flow([node('A', 'set'), node('B', 'set', { parameters: { v: '={{ $json.x }}' } })], edges(['A', 'B'])),
        ],
      },
      {
        name: 'a field that is there, as an execution has it',
        nearMiss: true,
        steps: [
          ran('A', { 'node.outputs': { main: [[], [{ json: { x: 1 } }]] } }),
          ran('B'),
          flow([node('A', 'if'), node('B', 'set', { parameters: { v: '={{ $json.x }}' } })], edges(['A', 'B'])),
        ],
      },
      {
        name: 'what an agent gives',
        nearMiss: true,
        steps: [flow([node('A', 'agent'), node('B', 'set', { parameters: { v: '={{ $json.output }}' } })], edges(['A', 'B']))],
      },
      {
        name: 'a chain with a parser gives what the parser says',
        nearMiss: true,
        steps: [
          flow(
            [
              node('A', 'chainLlm'),
              node('P', 'outputParserStructured'),
              node('B', 'set', { parameters: { v: '={{ $json.city }}' } }),
            ],
            [...edges(['A', 'B']), { source: 'P', target: 'A', type: 'ai_outputParser', branch: 0, index: 0 }],
          ),
        ],
      },
      {
        name: 'a field with a substitute',
        nearMiss: true,
        steps: [
          flow(
            [node('A', 'manualTrigger'), node('B', 'set', { parameters: { v: "={{ $json.city || 'Oslo' }}" } })],
            edges(['A', 'B']),
          ),
        ],
      },
      {
        name: 'a trigger with pinned items',
        nearMiss: true,
        steps: [
          flow([node('A', 'manualTrigger'), node('B', 'set', { parameters: { v: '={{ $json.city }}' } })], edges(['A', 'B']), {
            'workflow.pinned': ['A'],
          }),
        ],
      },
      {
        name: 'a second source',
        nearMiss: true,
        steps: [
          flow(
            [node('A', 'manualTrigger'), node('W', 'webhook'), node('B', 'set', { parameters: { v: '={{ $json.city }}' } })],
            edges(['A', 'B'], ['W', 'B']),
          ),
        ],
      },
      { name: 'an error of another kind', steps: [ran('A', {}, { error: 'connection refused' })] },
    ],
    fires: [
      {
        name: 'a node that is not there',
        steps: [flow([node('B', 'set', { parameters: { value: "={{ $('Gone').item.json.x }}" } })])],
        expect: [{ message: 'missing_node', at: 1, data: { target: 'Gone' } }],
      },
      {
        name: 'a node that is not there, beside text in an expression',
        steps: [flow([node('B', 'set', { parameters: { value: `=Dear $('you'), {{ $('Gone').item.json.x }}` } })])],
        expect: [{ message: 'missing_node', at: 1, data: { target: 'Gone' } }],
      },
      {
        name: 'a node that is not there, in code',
        steps: [flow([node('B', 'code', { parameters: { jsCode: "return $('Gone').all();" } })])],
        expect: [{ message: 'missing_node', at: 1, data: { target: 'Gone' } }],
      },
      {
        name: 'one at most by option',
        options: { max_missing: 1 },
        steps: [flow([node('B', 'set', { parameters: { a: "={{ $('Gone').x }}", b: "={{ $('Lost').x }}" } })])],
        expect: [{ message: 'missing_node' }],
      },
      {
        name: 'a field that is missing',
        steps: [
          ran('A', { 'node.outputs': [{ json: { y: 1 } }] }),
          ran('B', { 'node.outputs': [{ json: { z: 1 } }] }),
          flow([node('A', 'set'), node('B', 'set', { parameters: { v: '={{ $json.x }}' } })], edges(['A', 'B'])),
        ],
        expect: [{ message: 'missing_field', at: 1, data: { field: 'x' } }],
      },
      {
        name: 'a field that a manual trigger never gives',
        steps: [
          flow([node('A', 'manualTrigger'), node('B', 'set', { parameters: { v: '={{ $json.city }}' } })], edges(['A', 'B'])),
        ],
        expect: [{ message: 'never_given', at: 1, data: { field: 'city', source: 'A' } }],
      },
      {
        name: 'a field that an agent never gives',
        steps: [flow([node('A', 'agent'), node('B', 'set', { parameters: { v: '={{ $json.response }}' } })], edges(['A', 'B']))],
        expect: [{ message: 'never_given', at: 1, data: { field: 'response' } }],
      },
      {
        name: 'an error that says so',
        steps: [ran('A', {}, { error: 'Cannot read properties of undefined (reading x)' })],
        expect: [{ message: 'data_error', at: 1 }],
      },
    ],
  },
  import.meta.url,
);
