/** `misstep`: the library of `src/index.ts` with what is shipped. */
import './provide.ts';

export * from '../../src/index.ts';
export { adapters, parseAny, parseBedrockInvokeAgent, parseOpenai } from './parsers.ts';
