import fc from 'fast-check';
import { expect, test } from 'vitest';
import { commandsOf, readScript, SCRIPT_LIMIT } from './shell-script.ts';

test.each([
  ['values stand where their names stood', 'D=/etc\ncat $D/passwd', 'cat /etc/passwd'],
  ['comments go', '# rm -rf /\nls', 'ls'],
  ['what is thrown away is dropped', 'make 2>/dev/null', 'make'],
  ['joined paths are one', "open(os.path.join('/etc', 'hosts'))", 'open("/etc/hosts")'],
  ['paths are straightened', 'cat /srv/data/../../etc/passwd', 'cat /etc/passwd'],
])('%s', (_, script, part) => {
  expect(readScript(script).text).toContain(part);
});

test.each([
  ['cat /srv/data/../../etc/passwd', true],
  ['cat ../notes.txt', false],
  ['ls /srv/data', false],
])('%s climbs: %s', (script, climbs) => {
  expect(readScript(script).climbs).toBe(climbs);
});

test.each([
  ['a && b | c; d', ['a', 'b', 'c', 'd']],
  ['sudo rm -rf build', ['rm -rf build']],
  ['A=1 env make', ['make']],
  ['echo $(whoami)', ['echo', 'whoami)']],
])('%s', (script, commands) => {
  expect(commandsOf(script)).toEqual(commands);
});

test('commands that another language starts are commands too', () => {
  expect(
    commandsOf("subprocess.run(['rm', '-rf', '/srv'])").some((one) => /^rm\s+-rf\s+\/srv/.test(one.replaceAll(/\s+/g, ' '))),
  ).toBe(true);
});

test('any script is read, and no more of it than is allowed', () => {
  const line = fc.constantFrom('A=$A$A', 'B=/x', '$A', '/../', 'os.path.join("a", "b")', '`', '|', "'", '\n', 'x = y', '{A}');
  fc.assert(
    fc.property(fc.array(line, { maxLength: 3_000 }), (lines) => {
      const { text } = readScript(lines.join('\n'));
      expect(text.length).toBeLessThanOrEqual(2 * SCRIPT_LIMIT);
      expect(commandsOf(text).length).toBeLessThanOrEqual(400);
    }),
    { seed: 1, numRuns: 40 },
  );
});
