/** The figures of one evaluation as tables. No figure stands without its companions: see the notes. */
import type { ShippedDetector } from '../src/detector/options.ts';
import type { DetectorFigures } from './detectors.ts';
import { grade, margin } from './readiness.ts';
import type { ItemScore } from './score/items.ts';
import type { Scores } from './score/score.ts';
import type { TrailScore } from './score/trail.ts';
import type { WhoWhenScore } from './score/whowhen.ts';
import { type Cell, count, interval, type Table } from './table.ts';

/** `ungraded`: the scored sets are not all there, so no grade is given. */
export function detectorTable(all: readonly DetectorFigures[], timed: boolean): Table {
  const rows = all.map((one): { readonly rank: number; readonly cells: Cell[] } => {
    const { readiness } = grade(one);
    const { runs, high, likely, possible } = one.healthy;
    return {
      rank: ORDER.indexOf(readiness),
      cells: [
        one.detector,
        readiness,
        count(one.findings),
        one.ece,
        one.ece_cv,
        one.alarms_per_trace,
        one.blind,
        `${high}/${likely}/${possible} of ${runs}`,
        `${one.trail.pairs}`,
        one.trail.precision,
        ...(timed ? [one.us_per_step === null ? '-' : one.us_per_step.toFixed(1)] : []),
      ],
    };
  });
  return {
    title: 'Detectors',
    note: 'Worst grade first. ECE: calibration error over findings with a verdict, ten bins of equal width. Alarms (confidence ≥ .60) a run and share of runs in which it was blind: over TRAIL, Who&When, MAST, AgentRx and tau-airline. Healthy: passing runs with an alarm at HIGH / LIKELY / POSSIBLE or above. TRAIL: findings at LIKELY and share that meet an annotated (span, category).',
    head: [
      'detector',
      'grade',
      'findings',
      'ECE',
      'ECE, CV',
      'alarms/run',
      'blind',
      'healthy',
      'TRAIL said',
      'TRAIL P',
      ...(timed ? ['µs/step'] : []),
    ],
    rows: rows.sort((a, b) => a.rank - b.rank || (String(a.cells[0]) < String(b.cells[0]) ? -1 : 1)).map(({ cells }) => cells),
  };
}

const ORDER = ['failing', 'untested', 'experimental', 'beta', 'production'];

export function detectorSetTable(all: readonly DetectorFigures[]): Table {
  const rows = all.flatMap(({ detector, sets }) => sets.map((set) => ({ detector, set })));
  return {
    title: 'Detectors by set',
    note: 'Flagged at confidence ≥ .60. Brackets: 95 % intervals, Wilson; of F1, Wilson of tp / (tp + fp + fn) carried over. Smallest margin over a detector that fires on everything first. Fewer than 30 items: no claim.',
    head: ['detector', 'set', 'n', 'positive', 'P', '', 'R', '', 'F1', '', 'always-fire F1', 'margin', 'FPR', '', 'blind'],
    rows: rows
      .sort((a, b) => margin(a.set) - margin(b.set) || (a.detector < b.detector ? -1 : 1))
      .map(({ detector, set }) => [
        detector,
        set.set,
        count(set.n),
        count(set.positives),
        set.precision,
        interval(set.precision_ci),
        set.recall,
        interval(set.recall_ci),
        set.f1,
        interval(set.f1_ci),
        set.always_fire_f1,
        set.f1 === null ? '-' : margin(set).toFixed(3),
        set.fpr,
        interval(set.fpr_ci),
        set.blind,
      ]),
  };
}

export function calibrationTable(shipped: readonly ShippedDetector[]): Table {
  return {
    title: 'Calibration by message',
    note: 'Findings with a verdict, by set; share right as mixed. Cross-validated error: of the detector, each finding judged by a fit without its source.',
    head: ['detector', 'message', 'confidence', 'findings', 'right', 'cross-validated error'],
    rows: shipped.flatMap(({ detector, fit }) =>
      Object.keys(detector.meta.messages).map((message, i) => {
        const one = fit?.fitted?.messages[message];
        const findings = Object.entries(one?.findings ?? {}).map(([set, n]) => `${set} ${n}`);
        const error = i === 0 ? fit?.fitted?.ece_cv : '';
        return [detector.meta.id, message, one?.method ?? 'set by hand', findings.join(', ') || '-', one?.right, error];
      }),
    ),
  };
}

export function setTables(scores: Scores): Table[] {
  return [
    ...trail(scores),
    ...whoWhen(scores),
    ...mast(scores),
    ...agentRx(scores),
    ...tau(scores),
    ...healthy(scores),
    ...itemSets(scores),
    ...golden(scores),
    ...goldenOtel(scores),
    ...n8n(scores),
  ];
}

function trail({ trail: report }: Scores): Table[] {
  if (!report) return [];
  const rows = Object.entries(report).filter(([key]) => /^(at|budget)_/.test(key)) as [string, TrailScore][];
  return [
    {
      title: 'TRAIL',
      note: 'budget_k: the k most confident (span, category) pairs a trace, over all traces together. Joint and location are recall by the official rule: never to be quoted without pair precision and predictions a trace.',
      head: ['', 'traces', 'joint', 'location', 'weighted F1', 'pair P', 'pair R', 'pair F1', 'location F1', 'said/trace'],
      rows: rows.map(([key, one]) => [
        key,
        count(one.traces),
        one.joint,
        one.location,
        one.weighted_f1,
        one.pair_precision,
        one.pair_recall,
        one.pair_f1,
        one.location_f1,
        one.predictions_per_trace.toFixed(2),
      ]),
    },
    {
      title: 'TRAIL by category, at .60, over traces',
      head: ['category', 'traces with it', 'said', 'P', 'R', 'F1'],
      rows: Object.entries(report.per_category).map(([category, one]) => [
        category,
        count(one.support_traces),
        count(one.predicted_traces),
        one.precision,
        one.recall,
        one.f1,
      ]),
    },
  ];
}

function whoWhen({ whowhen: report }: Scores): Table[] {
  if (!report) return [];
  const row = (name: string, one: WhoWhenScore): Cell[] => [
    name,
    count(one.n),
    one.agent_strict,
    one.step_strict,
    one.both_strict,
    one.step_pm1,
    one.step_pm5,
    count(one.missing),
  ];
  const { pooled } = report;
  return [
    {
      title: 'Who&When, strict, from blame',
      note: `Right answer among the first three candidates, pooled: agent ${pooled.agent_top3.toFixed(3)}, step ${pooled.step_top3.toFixed(3)}; first five: ${pooled.agent_top5.toFixed(3)}, ${pooled.step_top5.toFixed(3)}.`,
      head: ['subset', 'n', 'agent', 'step', 'both', 'step ±1', 'step ±5', 'missing'],
      rows: [
        row('Algorithm-Generated', report.algorithm_generated),
        row('Hand-Crafted', report.hand_crafted),
        row('pooled', pooled),
      ],
    },
  ];
}

function mast({ mast: report }: Scores): Table[] {
  if (!report) return [];
  return [
    {
      title: `MAST, ${report.n} traces`,
      note: 'Over (run, mode) cells that have a human label. Saying nothing is right in most cells, so accuracy is not given.',
      head: ['at', 'micro P', 'micro R', 'micro F1', 'kappa', 'macro F1'],
      rows: (['at_0.4', 'at_0.6', 'at_0.8'] as const).map((key) => {
        const one = report[key];
        return [key, one.micro_p, one.micro_r, one.micro_f1, one.kappa, one.macro_f1];
      }),
    },
    {
      title: 'MAST by mode, at .60',
      head: ['mode', 'labelled', 'positive', 'P', 'R', 'F1', 'kappa', ''],
      rows: Object.entries(report.per_mode).map(([mode, one]) => [
        `FM-${mode}`,
        count(one.n),
        count(one.pos),
        one.precision,
        one.recall,
        one.f1,
        one.kappa,
        one.too_few ? 'too few for a claim' : '',
      ]),
    },
  ];
}

function agentRx({ agentrx: report }: Scores): Table[] {
  if (!report) return [];
  return [
    {
      title: 'AgentRx',
      note: 'Steps of detections ≥ .60 against all failing steps; root: the step the failure began with, exact / ±5.',
      head: [
        'domain',
        'failed',
        'of',
        'step P',
        'step R',
        'step F1',
        'F1 ±1',
        'root, detections',
        'root, blame',
        'alarm failed',
        'alarm passing',
      ],
      rows: Object.entries(report).map(([domain, one]) => [
        domain,
        count(one.failed),
        count(one.traces),
        one.step_p,
        one.step_r,
        one.step_f1,
        one.step_pm1_f1,
        `${one.root_exact_detections.toFixed(3)} / ${one.root_pm5_detections.toFixed(3)}`,
        `${one.root_exact_blame.toFixed(3)} / ${one.root_pm5_blame.toFixed(3)}`,
        one.alarm_failed,
        one.alarm_passing,
      ]),
    },
  ];
}

function tau({ tau_airline: report }: Scores): Table[] {
  if (!report) return [];
  return [
    {
      title: `tau-airline, ${report.failed} of ${report.n} runs failed`,
      note: `Any detection against the outcome; AUROC ${report.auroc?.toFixed(3) ?? '-'}.`,
      head: ['at', 'flagged of failing', 'flagged of passing', 'balanced accuracy', 'F1'],
      rows: (['at_0.4', 'at_0.6', 'at_0.8'] as const).map((key) => {
        const one = report[key];
        return [key, one.flagged_failing, one.flagged_passing, one.balanced_accuracy, one.f1];
      }),
    },
    {
      title: 'tau-airline, mechanical facts',
      head: ['detector against fact', 'positive', 'P', 'R', 'F1', 'FPR'],
      rows: (
        [
          ['loop, exact repeats', report.loop_vs_exact_repeat],
          ['langgraph_tool_failure, tool errors', report.tool_failure_vs_tool_error],
          ['tool_failure, tool errors', report.generic_tool_failure_vs_tool_error],
        ] as const
      ).map(([name, one]) => [name, count(one.pos), one.precision, one.recall, one.f1, one.fpr]),
    },
  ];
}

function healthy({ healthy: report }: Scores): Table[] {
  if (!report) return [];
  const runs = report.passing_runs;
  const row = (tier: string, share: number): Cell[] => [tier, count(Math.round(share * runs)), count(runs), share];
  return [
    {
      title: 'Alarms on runs that passed',
      note: `By detector, at .60: ${
        Object.entries(report['runs_by_detector_0.6'])
          .map(([id, n]) => `${id} ${n}`)
          .join(', ') || 'none'
      }.`,
      head: ['any detection', 'runs', 'of', 'share'],
      rows: [
        row('HIGH (≥ .80)', report['any_detection_0.8']),
        row('LIKELY or above (≥ .60)', report['any_detection_0.6']),
        row('POSSIBLE or above (≥ .40)', report['any_detection_0.4']),
      ],
    },
  ];
}

function itemSets({ sets }: Scores): Table[] {
  const row = (name: string, one: ItemScore): Cell[] => [
    name,
    count(one.n),
    count(one.pos),
    one.precision,
    one.recall,
    one.f1,
    one.n > 0 ? (2 * one.pos) / (one.n + one.pos) : null,
    one.fpr,
    one.balanced_accuracy,
    one.auroc,
    one.ap,
    one['f1_at_0.4'],
    one['f1_at_0.8'],
    one.insufficient,
  ];
  const rows = Object.entries(sets).flatMap(([set, report]) => [
    row(set, report.overall),
    ...(['by_detector', 'by_channel', 'by_mutation', 'by_source'] as const).flatMap((by) =>
      Object.entries(report[by] ?? {}).map(([name, one]) => row(`  ${by.slice(3)}: ${name}`, one)),
    ),
  ]);
  if (rows.length === 0) return [];
  return [
    {
      title: 'Text and call sets',
      head: [
        'set',
        'n',
        'positive',
        'P',
        'R',
        'F1',
        'always-fire F1',
        'FPR',
        'balanced',
        'AUROC',
        'AP',
        'F1 at .4',
        'F1 at .8',
        'blind',
      ],
      rows,
    },
  ];
}

function golden({ golden: report }: Scores): Table[] {
  if (!report) return [];
  const { macro, macro_core, macro_framework } = report;
  const macroRow = (name: string, one: typeof macro_core): Cell[] =>
    one === null
      ? [name]
      : [`${name} (${one.detectors})`, '', '', '', '', one.f1, '', '', one.always_fire_f1, '', '', one.peer_f1];
  return [
    {
      title: 'Golden entries',
      note: "Written by a language model for one vendor; peer: that vendor's own package on the same items (* on the whole set).",
      head: [
        'detector',
        'n',
        'positive',
        'P',
        'R',
        'F1',
        'FPR',
        'AUROC',
        'always-fire F1',
        'peer P',
        'peer R',
        'peer F1',
        'peer FPR',
        'blind',
      ],
      rows: [
        ...Object.entries(report.detectors).map(([id, one]): Cell[] => [
          `${id}${one.peer?.whole_set ? ' *' : ''}`,
          count(one.n),
          count(one.pos),
          one.precision,
          one.recall,
          one.f1,
          one.fpr,
          one.auroc,
          one.always_fire_f1,
          one.peer?.precision,
          one.peer?.recall,
          one.peer?.f1,
          one.peer?.fpr,
          one.insufficient,
        ]),
        [
          `macro (${macro.detectors})`,
          '',
          '',
          macro.precision,
          macro.recall,
          macro.f1,
          macro.fpr,
          '',
          macro.always_fire_f1,
          '',
          '',
          macro.peer_f1,
          macro.peer_fpr,
        ],
        macroRow('macro, core', macro_core),
        macroRow('macro, frameworks', macro_framework),
      ],
    },
  ];
}

function goldenOtel({ golden_otel: report }: Scores): Table[] {
  if (!report) return [];
  return [
    {
      title: 'Golden OTLP traces',
      note: `Macro F1 ${report.macro_f1.toFixed(3)}, recall ${report.macro_recall.toFixed(3)}. Healthy (${report.healthy}) flagged at .60 ${show3(report['healthy_flagged_0.6'])}, at .80 ${show3(report['healthy_flagged_0.8'])}; all ${report.negatives} negatives at .60 ${show3(report['negatives_flagged_0.6'])}. Most types are one trace repeated.`,
      head: ['type', 'positive', 'distinct', 'P', 'R', 'F1', 'FPR', 'detectors'],
      rows: Object.entries(report.per_type).map(([type, one]) => [
        type,
        count(one.pos),
        count(one.distinct_traces),
        one.precision,
        one.recall,
        one.f1,
        one.fpr,
        one.detectors.join(' '),
      ]),
    },
  ];
}

function n8n({ n8n: report }: Scores): Table[] {
  if (!report) return [];
  return [
    {
      title: `n8n workflows, ${report.n}`,
      note: 'Share flagged, and agreement with facts a reader can count. The facts are no failures.',
      head: ['detector', 'flagged at .60', 'at .80', 'against', 'positive', 'P', 'R', 'F1', 'FPR'],
      rows: Object.entries(report.detectors).flatMap(([id, one]) => {
        const facts = Object.entries(one.against);
        if (facts.length === 0) return [[id, one['flagged_0.6'], one['flagged_0.8']]];
        return facts.map(([fact, figures]) => [
          id,
          one['flagged_0.6'],
          one['flagged_0.8'],
          fact,
          count(figures.pos),
          figures.precision,
          figures.recall,
          figures.f1,
          figures.fpr,
        ]);
      }),
    },
  ];
}

function show3(value: number | null): string {
  return value === null ? '-' : value.toFixed(3);
}
