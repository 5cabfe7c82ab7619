import { llm, user } from '../../src/detector/testing/builders.ts';
import { testDetector } from '../../src/detector/testing/tester.ts';
import specification from './specification.ts';

const request = 'I need a simple script that backs up our 3 PostgreSQL databases every night at 2 and keeps 7 days.';
const good =
  'A simple script backs up the 3 PostgreSQL databases every night at 2 and keeps the backups of 7 days; older ones are deleted. It logs success and failure, and exits with an error if a backup of one of the databases fails.';
const bad = 'Build a dashboard.';
const restates = (text: string, system = 'Restate the request as a task specification.') =>
  llm(text, { system, input: [user(request)] });

testDetector(
  specification,
  {
    quiet: [
      { name: 'a faithful restatement', nearMiss: true, steps: [restates(good)] },
      { name: 'nobody asked for a specification', steps: [restates(bad, 'You are helpful.')] },
      { name: 'a higher mark', options: { report_at: 1 }, steps: [restates(bad)] },
    ],
    fires: [{ name: 'another task', steps: [restates(bad)], expect: [{ message: 'mismatch', at: 1 }] }],
  },
  import.meta.url,
);
