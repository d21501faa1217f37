// Prints "N passed, N failed" for all steps from vitest's JSON results. A step that failed without a failed
// test (an install, a check, a file that cannot be imported) counts as one failure. Exits 1 on any.
import { existsSync, readFileSync } from 'node:fs';

const [status, ...results] = process.argv.slice(2);
let passed = 0;
let failed = 0;
for (const file of results.filter((path) => existsSync(path))) {
  const report = JSON.parse(readFileSync(file, 'utf8'));
  passed += report.numPassedTests;
  failed += report.numFailedTests;
  for (const suite of report.testResults) {
    if (suite.status !== 'failed') continue;
    if (!suite.assertionResults.some((test) => test.status === 'failed')) failed += 1;
  }
}
if (failed === 0 && (status !== '0' || passed === 0)) failed = 1;
process.stdout.write(`\n${passed} passed, ${failed} failed\n`);
process.exitCode = failed === 0 ? 0 : 1;
