/** Sessions that start sessions. */
import { firstMember, member } from '../../../src/dialects/json.ts';
import { dict, firstNumber, firstWord, identifier, list, members } from '../payload.ts';
import type { Span } from '../run.ts';

const childNames = [
  'child_session_ids',
  'child_sessions',
  'squad_spawns',
  'additional_spawns',
  'child_session_id',
  'child_session',
  'spawned_session_id',
  'spawned_sessions',
];

/** Ids of the sessions that a spawn event says it started. */
export function childrenOf(event: unknown): readonly (string | undefined)[] {
  if (member(event, 'type') !== 'session.spawn' && member(event, 'type') !== 'spawn') return [];
  return [event, firstMember(event, ['data', 'payload'])].flatMap((from) =>
    childNames.flatMap((name) => {
      const value = member(from, name);
      return Array.isArray(value)
        ? value.map((one) => identifier(one) ?? identifier(firstMember(one, ['session_id', 'id'])))
        : [identifier(value)];
    }),
  );
}

export function spawn(span: Span, event: unknown, data: unknown, agent: string): void {
  const named = firstWord(event, ['target_agent']) ?? firstWord(data, ['agent', 'target_agent', 'child_agent']);
  const agents = [
    named,
    ...list(member(data, 'agents')).map((one) => identifier(one)),
    ...members(dict(member(data, 'agent_assignments'))).map(([, to]) => identifier(to)),
  ];
  span
    .text('gen_ai.operation.name', 'handoff')
    .text('gen_ai.handoff.from_agent', agent)
    .text(
      'gen_ai.handoff.to_agent',
      agents.find((one) => one !== undefined),
    )
    .texts('misstep.spawn.agents', [...new Set(agents)])
    .texts('misstep.spawn.children', [...new Set(childrenOf(event))])
    .count('misstep.spawn.count', firstNumber(data, ['count', 'total_spawned', 'parallel_spawn', 'total_host_sessions']))
    .count('misstep.spawn.depth', firstNumber(data, ['depth', 'spawn_depth']) ?? firstNumber(event, ['depth']))
    .text('misstep.spawn.reason', firstWord(data, ['reason', 'task']) ?? firstWord(member(event, 'payload'), ['task', 'reason']))
    .text('misstep.spawn.parent', identifier(firstMember(data, ['parent_session', 'parent_session_id'])))
    .json('misstep.spawn.context', firstMember(data, ['inherited_context', 'context', 'limited_context']));
}
