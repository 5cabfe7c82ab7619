/** n8n 2.41: members of a workflow's JSON. Those that `n8n/patches.ts` can set are also applied and rolled back. */
import type { SomeRemedies } from './remedy.ts';

export const n8n: SomeRemedies = {
  step_limit: `
{ "name": "AI Agent", "type": "@n8n/n8n-nodes-langchain.agent", "parameters": { "options": { "maxIterations": 10 } } }
`,
  call_guard: `
{
  "name": "Loop limit",
  "type": "n8n-nodes-base.if",
  "typeVersion": 2.2,
  "parameters": {
    "conditions": {
      "options": { "caseSensitive": true, "leftValue": "", "typeValidation": "strict", "version": 2 },
      "combinator": "and",
      "conditions": [
        { "id": "rounds", "leftValue": "={{ $runIndex }}", "rightValue": 50, "operator": { "type": "number", "operation": "lt" } }
      ]
    }
  }
}
`,
  retry: `
{ "retryOnFail": true, "maxTries": 3, "waitBetweenTries": 1000, "onError": "continueErrorOutput" }
`,
  timeout: `
{ "settings": { "executionTimeout": 300 } }
`,
  context: `
{
  "name": "Memory",
  "type": "@n8n/n8n-nodes-langchain.memoryBufferWindow",
  "parameters": { "contextWindowLength": 10 }
}
`,
  prompt: `
{ "name": "AI Agent", "parameters": { "options": { "systemMessage": {{text}} } } }
`,
  schema: `
{
  "name": "Answer",
  "type": "@n8n/n8n-nodes-langchain.outputParserStructured",
  "parameters": { "schemaType": "manual", "inputSchema": "{\\"type\\":\\"object\\",\\"required\\":[\\"answer\\",\\"sources\\"]}" }
}
`,
  output_check: `
{
  "name": "Complete?",
  "type": "n8n-nodes-base.if",
  "typeVersion": 2.2,
  "parameters": {
    "conditions": {
      "options": { "caseSensitive": true, "leftValue": "", "typeValidation": "strict", "version": 2 },
      "combinator": "and",
      "conditions": [
        { "id": "answer", "leftValue": "={{ $json.output }}", "rightValue": "", "operator": { "type": "string", "operation": "notEmpty" } }
      ]
    }
  }
}
`,
  approval: `
{ "name": "Ask", "type": "n8n-nodes-base.slack", "parameters": { "operation": "sendAndWait", "message": "May it go on?" } }
`,
  checkpoint: `
{ "settings": { "saveExecutionProgress": true, "errorWorkflow": "ID of the workflow that is told" } }
`,
  budget: `
{ "name": "Model", "type": "@n8n/n8n-nodes-langchain.lmChatOpenAi", "parameters": { "options": { "maxTokens": 4096 } } }
`,
};
