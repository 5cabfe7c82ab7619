/** `misstep/testing`: the table test of the shipped detectors, and steps to write tables with. Needs vitest, which runs the tests. */
export {
  agent,
  handoff,
  type LlmLike,
  llm,
  type MessageLike,
  retriever,
  rounds,
  type StepLike,
  step,
  type ToolLike,
  times,
  tool,
  user,
} from '../../src/detector/testing/builders.ts';
export {
  type DetectorCases,
  type Expected,
  type FiresCase,
  type QuietCase,
  testDetector,
} from '../../src/detector/testing/tester.ts';
