/** Server-sent events, as HTML's standard reads them; the data of each is JSON or text. */

export interface ServerSentEvent {
  /** `undefined` where the stream names none. */
  readonly event: string | undefined;
  /** Parsed where it is JSON, else the text. */
  readonly data: unknown;
}

/** Events of one stream; a run has some thousands at most, most of them pieces of text. */
const maxEvents = 500_000;

/** True for text that starts as an event stream does: JSON never does. */
export function isEventStream(text: string): boolean {
  return /^\uFEFF?(?:\s*\n|:[^\n]*\n)*(?:data|event|id|retry):/.test(text.slice(0, 4096));
}

/** The events in order. One without data is none; the last one counts without its blank line, because recordings lack it. */
export function serverSentEvents(text: string): ServerSentEvent[] {
  const found: ServerSentEvent[] = [];
  let event: string | undefined;
  let data: string[] = [];
  const dispatch = () => {
    if (data.length > 0 && found.length < maxEvents) found.push({ event, data: parsed(data.join('\n')) });
    event = undefined;
    data = [];
  };
  for (const line of text.replace(/^\uFEFF/, '').split(/\r\n|\n|\r/)) {
    if (line === '') dispatch();
    else if (!line.startsWith(':')) {
      const colon = line.indexOf(':');
      const field = colon < 0 ? line : line.slice(0, colon);
      const value = colon < 0 ? '' : line.slice(line[colon + 1] === ' ' ? colon + 2 : colon + 1);
      if (field === 'data') data.push(value);
      else if (field === 'event' && value !== '') event = value;
    }
  }
  dispatch();
  return found;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return text;
  }
}
