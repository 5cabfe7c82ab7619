/** Dify's app DSL: members of a node's `data`. */
import type { SomeRemedies } from './remedy.ts';

export const dify: SomeRemedies = {
  step_limit: `
# Loop node: rounds at most, and what ends it before.
type: loop
loop_count: 10
logical_operator: and
break_conditions: []
`,
  retry: `
retry_config:
  retry_enabled: true
  max_retries: 3
  retry_interval: 1000
error_strategy: fail-branch
`,
  timeout: `
# HTTP request node, seconds.
type: http-request
timeout:
  connect: 10
  read: 60
  write: 60
`,
  context: `
# LLM node: turns of the conversation that are sent.
type: llm
memory:
  window:
    enabled: true
    size: 10
`,
  prompt: `
# LLM node: first message.
type: llm
prompt_template:
  - role: system
    text: {{text}}
`,
  schema: `
type: llm
structured_output_enabled: true
structured_output:
  schema:
    type: object
    properties:
      answer: { type: string }
      sources: { type: array, items: { type: string } }
    required: [answer, sources]
    additionalProperties: false
`,
  output_check: `
# If/else node after the LLM node.
type: if-else
cases:
  - case_id: complete
    logical_operator: and
    conditions:
      - variable_selector: [llm, text]
        comparison_operator: not empty
        varType: string
`,
  budget: `
type: llm
model:
  completion_params:
    max_tokens: 4096
`,
};
