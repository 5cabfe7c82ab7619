/** `misstep/agent`: hooks, matchers and budgets for agents in this process, and the installation of hooks for those in others. */
import './provide.ts';

export {
  type Answer,
  BridgeConfig,
  type BridgeSettings,
  DetectionBridge,
  type SessionBudget,
  type ToolCall,
} from '../../src/sdk/bridge.ts';
export { type Amounts, Budget, BudgetExceeded, type Reservation } from '../../src/sdk/budget.ts';
export { type CheckTool, check, createCheckTool, type Evaluation, MisstepEvaluator } from '../../src/sdk/check.ts';
export {
  answerHook,
  configureBridge,
  type HookCallback,
  type HookOutput,
  PostToolUseHook,
  PreToolUseHook,
  postToolUseHook,
  preToolUseHook,
} from '../../src/sdk/hooks.ts';
export { type HookAgent, type Installed, type InstallOptions, install, SettingsError, uninstall } from '../../src/sdk/install.ts';
export {
  AGENT_TOOLS,
  ALL_TOOLS,
  createMatcher,
  DANGEROUS_COMMANDS,
  FILE_TOOLS,
  type MatcherOptions,
  SHELL_TOOLS,
  type ToolMatcher,
} from '../../src/sdk/matchers.ts';
