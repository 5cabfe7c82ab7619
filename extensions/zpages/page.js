// Every text comes from outside and is set as text: nothing here makes markup of it.

const at = (id) => document.getElementById(id);
/** Status is read again this often; detections come by themselves. */
const STATUS_MS = 5_000;
/** A screen reader hears of new detections at most this often. */
const NEWS_MS = 10_000;
const MOST_KEPT = 200;

/** By tenant and id; newest last. */
const detections = new Map();
let chosen;
let unsaid = 0;

/** Controls and marks that turn the direction of text would let it look like something else: they are shown as their numbers. */
function plain(value) {
  return String(value ?? '').replace(
    /(?![\t\n])[\p{Cc}\p{Cf}\u2028\u2029]/gu,
    (c) => `\\u{${(c.codePointAt(0) ?? 0).toString(16)}}`,
  );
}

function element(name, text, className) {
  const made = document.createElement(name);
  if (text !== undefined) made.textContent = plain(text);
  if (className) made.className = className;
  return made;
}

function row(head, cells) {
  const tr = element('tr');
  const th = element('th', head);
  th.scope = 'row';
  tr.append(th, ...cells.map((cell) => element('td', cell, typeof cell === 'number' ? 'number' : '')));
  return tr;
}

const sum = (values) => values.reduce((a, b) => a + b, 0);

function showStatus(status) {
  const health = at('health');
  health.textContent = plain(
    `${status.ready ? 'Healthy' : `Not ready: ${status.reasons.join('; ')}`}, since ${status.up_since}, version ${status.version ?? 'unknown'}`,
  );
  health.className = status.ready ? '' : 'bad';
  at('pipelines').replaceChildren(
    ...Object.entries(status.pipelines ?? {}).map(([name, of]) =>
      row(name, [of.receivers.join(', '), of.processors.join(' → '), of.exporters.join(', ')]),
    ),
  );
  at('items').replaceChildren(
    ...(status.receivers ?? []).map((one) =>
      row(one.receiver, [`${one.signal} over ${one.transport}`, one.accepted, one.refused, '', '', '']),
    ),
    ...(status.exporters ?? []).map((one) =>
      row(one.exporter, [one.signal, '', '', one.sent, one.rejected + sum(Object.values(one.dropped)), one.queued]),
    ),
  );
  const { bytes = 0, limit_bytes: limit = 0 } = status.queues ?? {};
  const share = limit > 0 ? ` (${Math.round((100 * bytes) / limit)} %)` : '';
  at('queues').textContent = `Queues hold ${bytes.toLocaleString('en')} of ${limit.toLocaleString('en')} bytes${share}.`;
  showCoverage(status.detect ?? {});
}

function showCoverage(processors) {
  const several = Object.keys(processors).length > 1;
  const rows = Object.entries(processors).flatMap(([key, facts]) =>
    Object.entries(facts?.detectors ?? {}).map(([id, one]) => {
      const both = (name) => one.windows[name] + one.open.windows[name];
      const reasons = { ...one.reasons };
      for (const [reason, n] of Object.entries(one.open.reasons)) reasons[reason] = (reasons[reason] ?? 0) + n;
      const why = Object.entries(reasons).map(([reason, n]) => `${reason} (${n})`);
      return row(several ? `${id} in ${key}` : id, [
        one.state,
        both('fail') + both('pass'),
        both('fail'),
        both('insufficient_data'),
        both('error'),
        why.join('; '),
      ]);
    }),
  );
  at('coverage').replaceChildren(...rows);
}

function keep(one) {
  const key = `${one.tenant} ${one.id}`;
  detections.delete(key);
  detections.set(key, one);
  if (detections.size > MOST_KEPT) detections.delete(detections.keys().next().value);
}

const LONGEST_CELL = 120;
const short = (value) => {
  const text = String(value ?? '');
  return text.length > LONGEST_CELL ? `${text.slice(0, LONGEST_CELL)}…` : text;
};

function showList() {
  const wanted = at('filter').value.toLowerCase();
  const focused = document.activeElement?.dataset?.key;
  const matches = [...detections].reverse().filter(([, one]) =>
    [one.severity, one.detector, one.message, one.agent, one.session_id, one.span_id, one.trace_id, one.explanation].some(
      (text) =>
        String(text ?? '')
          .toLowerCase()
          .includes(wanted),
    ),
  );
  at('list').replaceChildren(
    ...matches.map(([key, one]) => {
      const tr = row(one.kind === 'withdrawal' ? 'withdrawn' : one.severity, []);
      const open = element('button', short(`${one.detector}: ${one.message}`));
      open.type = 'button';
      open.dataset.key = key;
      open.addEventListener('click', () => choose(key));
      const cell = element('td');
      cell.append(open);
      tr.append(
        cell,
        ...[one.agent, one.session_id, one.span_id, when(one.time_unix_ms)].map((text) => element('td', short(text))),
      );
      if (key === chosen) tr.setAttribute('aria-current', 'true');
      return tr;
    }),
  );
  at('shown').textContent = `${matches.length} of ${detections.size}`;
  if (focused !== undefined) [...at('list').querySelectorAll('button')].find((each) => each.dataset.key === focused)?.focus();
}

function when(ms) {
  const date = new Date(ms);
  return Number.isNaN(date.getTime())
    ? ''
    : date
        .toISOString()
        .replace('T', ' ')
        .replace(/\.\d+Z$/, ' UTC');
}

function choose(key) {
  chosen = key;
  showList();
  showOne();
  at('one').focus();
  if (detections.get(key).trace_id.length < 100) void fetchSteps(key);
}

function showOne() {
  const one = detections.get(chosen);
  at('one').hidden = one === undefined;
  if (one === undefined) return;
  at('one-h').textContent = plain(short(`${one.detector}: ${one.message}`));
  const facts = {
    Severity: one.kind === 'withdrawal' ? `${one.severity}, withdrawn: it no longer holds` : one.severity,
    Explanation: one.explanation,
    Impact: one.impact,
    'What to do': one.action,
    Confidence: one.confidence,
    Agent: one.agent,
    Session: one.session_id,
    Trace: one.trace_id,
    When: when(one.time_unix_ms),
    Documentation: `docs/detectors/${one.detector}.md`,
  };
  at('facts').replaceChildren(
    ...Object.entries(facts)
      .filter(([, value]) => value !== null && value !== undefined && value !== '')
      .flatMap(([name, value]) => [element('dt', name), element('dd', value)]),
  );
  showSteps(one, []);
}

/** Rows in order of time, below their parents; without rows the ids that the detection names. */
function showSteps(one, rows) {
  at('no-steps').hidden = rows.length > 0;
  const ids = [...new Set([one.span_id, ...one.evidence.span_ids])];
  const parents = new Map(rows.map((step) => [step.span_id, step.parent_id]));
  const from = Math.min(...rows.map((step) => step.started_ms));
  const whole = Math.max(1, ...rows.map((step) => step.ended_ms - from));
  at('steps').replaceChildren(
    ...(rows.length > 0 ? rows : ids.map((id) => ({ span_id: id }))).map((step) => {
      const id = step.span_id;
      const marks = [id === one.span_id ? 'blamed' : '', one.evidence.span_ids.includes(id) ? 'evidence' : ''].filter(Boolean);
      const li = element('li');
      const name = element('span');
      name.style.paddingLeft = `${depthOf(id, parents)}rem`;
      name.append(element('code', step.name ?? id), ' ', element('span', marks.join(', '), 'mark'));
      li.append(name);
      if (step.name === undefined) return li;
      const ms = step.ended_ms - step.started_ms;
      const track = element('span', undefined, 'track');
      const bar = element('span', undefined, marks.length > 0 ? 'bar marked' : 'bar');
      bar.style.marginLeft = `${(100 * (step.started_ms - from)) / whole}%`;
      bar.style.width = `${(100 * ms) / whole}%`;
      track.append(bar);
      li.append(element('span', `${step.kind}, ${step.outcome}, ${Math.round(ms)} ms`, 'quiet'), track);
      li.className = 'step';
      return li;
    }),
  );
}

/** At most 12: deeper ones stand below each other. Parents may be missing or go round. */
function depthOf(id, parents) {
  let depth = 0;
  for (let up = parents.get(id); parents.has(up) && depth < 12; up = parents.get(up)) depth++;
  return depth;
}

async function fetchSteps(key) {
  const one = detections.get(key);
  const query = new URLSearchParams({ tenant: one.tenant, trace: one.trace_id });
  // Of a text that no URL holds there are no steps.
  const answer = await fetch(`/steps?${query}`).catch(() => undefined);
  const rows = answer?.ok ? await answer.json() : [];
  if (key === chosen) showSteps(one, rows);
}

function sayNews() {
  if (unsaid === 0) return;
  at('news').textContent = unsaid === 1 ? 'One new detection.' : `${unsaid} new detections.`;
  unsaid = 0;
}

async function refresh() {
  try {
    const answer = await fetch('/status');
    if (!answer.ok) throw new Error(`status ${answer.status}`);
    const status = await answer.json();
    for (const one of status.detections) keep(one);
    showStatus(status);
    showList();
  } catch {
    at('health').textContent = 'The sidecar does not answer. Figures are the last that came.';
    at('health').className = 'bad';
  }
}

at('filter').addEventListener('input', showList);
const events = new EventSource('/events');
let drawn = true;
events.addEventListener('message', ({ data }) => {
  keep(JSON.parse(data));
  unsaid++;
  if (!drawn) return;
  drawn = false;
  requestAnimationFrame(() => {
    drawn = true;
    showList();
  });
});
// A stream that was cut has missed something.
events.addEventListener('open', refresh);
setInterval(refresh, STATUS_MS);
setInterval(sayNews, NEWS_MS);
refresh();
