/** The verifying process of the ledger figures: nothing but the files and the policy. */
import { readFileSync } from 'node:fs';
import { folderSource } from '../cli/log-source.ts';
import { parsePolicy } from '../ledger/policy-file.ts';
import { verifyLog } from '../ledger/verify/verify-log.ts';
import type { VerifyAnswer, VerifyTask } from './ledger.ts';

const task = JSON.parse(process.argv[2] ?? '{}') as VerifyTask;
const startedAt = performance.now();
const report = await verifyLog(folderSource(task.dir), parsePolicy(readFileSync(task.policy)), {
  now: Date.now() / 1_000,
});
const answer: VerifyAnswer = {
  entries: report.entries,
  ms: performance.now() - startedAt,
  peakKilobytes: process.resourceUsage().maxRSS,
  verdict: report.verdict,
};
process.send?.(answer);
