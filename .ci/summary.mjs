// Prints "N passed, N failed" from vitest's JSON results. A step that failed without a failed test
// (an install, a check, a file that cannot be imported) counts as one failure. Exits 1 on any.
import { existsSync, readFileSync } from 'node:fs';

const [results, status] = process.argv.slice(2);
let passed = 0;
let failed = 0;
if (existsSync(results)) {
  const report = JSON.parse(readFileSync(results, 'utf8'));
  passed = report.numPassedTests;
  failed = report.numFailedTests;
  for (const file of report.testResults) {
    if (file.status !== 'failed') continue;
    if (!file.assertionResults.some((test) => test.status === 'failed')) failed += 1;
  }
}
if (failed === 0 && (status !== '0' || passed === 0)) failed = 1;
process.stdout.write(`\n${passed} passed, ${failed} failed\n`);
process.exitCode = failed === 0 ? 0 : 1;
