// npx vitest run
import { testDetector, tool } from 'misstep/testing';
import nightShift from './night_shift.js';

// Scenarios begin at midnight; `at` is in milliseconds.
const noon = 12 * 3_600_000;

testDetector(nightShift, {
  quiet: [
    { name: 'at noon', steps: [tool('write_file', { path: 'a' }, { at: noon })], nearMiss: true },
    { name: 'a tool that reads', steps: [tool('read_file', { path: 'a' })] },
    { name: 'another night', steps: [tool('write_file', { path: 'b' })], options: { from: 1, to: 2 } },
  ],
  fires: [
    { name: 'after midnight', steps: [tool('write_file', { path: 'a' })], expect: [{ message: 'changed', at: 1 }] },
    {
      name: 'a longer day',
      steps: [tool('write_file', { path: 'c' }, { at: noon })],
      options: { to: 13 },
      expect: [{ message: 'changed', at: 1 }],
    },
  ],
});
