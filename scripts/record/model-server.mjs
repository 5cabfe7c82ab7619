// A model with a script, behind the OpenAI chat completions API: asks for the weather tool, then answers from its result.
import { createServer } from 'node:http';

const CREATED = 1_768_467_600;

/** Listens on a free loopback port. Answers depend on the request alone, so that every recording says the same. */
export async function startModel() {
  const server = createServer((request, response) => {
    let text = '';
    request.on('data', (chunk) => {
      text += chunk;
    });
    request.on('end', () => {
      const { messages, model } = JSON.parse(text);
      const last = messages.at(-1);
      const message = last.role === 'tool' ? answer(last.content) : toolCall();
      response.writeHead(200, { 'content-type': 'application/json' });
      response.end(
        JSON.stringify({
          id: `chatcmpl-${messages.length}`,
          object: 'chat.completion',
          created: CREATED,
          model: `${model}-2025-04-14`,
          choices: [{ index: 0, message, finish_reason: message.tool_calls ? 'tool_calls' : 'stop', logprobs: null }],
          usage: { prompt_tokens: 40 + 20 * messages.length, completion_tokens: 17, total_tokens: 57 + 20 * messages.length },
        }),
      );
    });
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { url: `http://127.0.0.1:${server.address().port}/v1`, close: () => server.close() };
}

function toolCall() {
  const call = { id: 'call_weather_1', type: 'function', function: { name: 'get_weather', arguments: '{"city":"Oslo"}' } };
  return { role: 'assistant', content: null, tool_calls: [call] };
}

function answer(result) {
  return { role: 'assistant', content: `The weather service says: ${result}` };
}
