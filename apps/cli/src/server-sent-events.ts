/** Reads a `text/event-stream` (WHATWG HTML, "Interpreting an event stream"), as far as Longshore's API uses it. */
import { StringDecoder } from 'node:string_decoder';

export interface Message {
  event: string;
  data: string;
  id: string | undefined;
}

/** Yields the messages of a stream; comments are passed over, a message cut off at the end is not given. */
export async function* readMessages(body: AsyncIterable<Buffer>): AsyncGenerator<Message> {
  const decoder = new StringDecoder('utf8');
  let rest = '';
  for await (const chunk of body) {
    const blocks = (rest + decoder.write(chunk)).replaceAll('\r\n', '\n').split('\n\n');
    rest = blocks.pop() ?? '';
    for (const block of blocks) {
      const message = parseBlock(block);
      if (message) yield message;
    }
  }
}

function parseBlock(block: string): Message | undefined {
  let event = 'message';
  let id: string | undefined;
  const data: string[] = [];
  for (const line of block.split('\n')) {
    const [, field, value = ''] = /^([^:]+)(?:: ?(.*))?$/.exec(line) ?? [];
    if (field === 'event') event = value;
    else if (field === 'id') id = value;
    else if (field === 'data') data.push(value);
  }
  return data.length === 0 ? undefined : { event, data: data.join('\n'), id };
}
