/** Wordings by which a text judges another one, closes a matter, or stands in for what it does not have. */
export const verdict = {
  objection: [
    '~mistake',
    'incorrect',
    'incorrectly',
    'wrong',
    'wrongly',
    'inaccurate',
    'misunderstanding',
    'discrepancy',
    'does not match',
    'is not correct',
    'inconsistent',
  ],
  conclusion: [
    'therefore',
    'thus',
    'in conclusion',
    'final answer',
    'the answer is',
    'terminate',
    'we can conclude',
    'i conclude',
    'in summary',
  ],
  example: ['for example', 'for instance', 'e.g', 'such as', 'illustrative', 'as an example'],
} as const;
