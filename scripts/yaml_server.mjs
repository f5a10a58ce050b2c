// node scripts/yaml_server.mjs SERVER SCHEMA FILE LINE COLUMN   asks yaml-language-server, as an editor does over its standard input and
// output, for the problems of FILE under SCHEMA, and for completion and help at LINE and COLUMN (from 0); prints them as JSON
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';

const [server, schema, file, line, column] = process.argv.slice(2);
const uri = pathToFileURL(path.resolve(file)).href;
const child = spawn(process.execPath, [server, '--stdio'], { stdio: ['pipe', 'pipe', 'inherit'] });
const answers = new Map();
let last = 0;
let tellProblems;
const problems = new Promise((resolve) => { tellProblems = resolve; });

const send = (message) => {
  const text = JSON.stringify({ jsonrpc: '2.0', ...message });
  child.stdin.write(`Content-Length: ${Buffer.byteLength(text)}\r\n\r\n${text}`);
};
const ask = (method, params) => new Promise((resolve) => {
  answers.set(++last, resolve);
  send({ id: last, method, params });
});
const settings = { yaml: { schemas: { [pathToFileURL(path.resolve(schema)).href]: uri }, schemaStore: { enable: false }, validate: true, completion: true, hover: true } };

const take = (message) => {
  if (message.method === 'workspace/configuration') {
    send({ id: message.id, result: message.params.items.map(({ section }) => settings[section] ?? {}) });
  } else if (message.method && message.id !== undefined) {
    send({ id: message.id, result: null });
  } else if (message.id !== undefined) {
    answers.get(message.id)?.(message.result);
  } else if (message.method === 'textDocument/publishDiagnostics' && message.params.uri === uri) {
    tellProblems(message.params.diagnostics);
  }
};

let buffer = Buffer.alloc(0);
child.stdout.on('data', (more) => {
  buffer = Buffer.concat([buffer, more]);
  for (;;) {
    const end = buffer.indexOf('\r\n\r\n');
    if (end < 0) return;
    const length = Number(/Content-Length: (\d+)/i.exec(buffer.subarray(0, end))[1]);
    if (buffer.length < end + 4 + length) return;
    const message = JSON.parse(buffer.subarray(end + 4, end + 4 + length));
    buffer = buffer.subarray(end + 4 + length);
    take(message);
  }
});

await ask('initialize', {
  processId: process.pid,
  rootUri: pathToFileURL(path.dirname(path.resolve(file))).href,
  capabilities: {
    workspace: { configuration: true, didChangeConfiguration: { dynamicRegistration: true } },
    textDocument: { completion: { completionItem: { snippetSupport: true } }, hover: { contentFormat: ['markdown'] }, publishDiagnostics: {} },
  },
});
send({ method: 'initialized', params: {} });
send({ method: 'workspace/didChangeConfiguration', params: { settings } });
send({ method: 'textDocument/didOpen', params: { textDocument: { uri, languageId: 'yaml', version: 1, text: fs.readFileSync(file, 'utf8') } } });
const found = await problems;
const at = { textDocument: { uri }, position: { line: Number(line), character: Number(column) } };
const completion = await ask('textDocument/completion', at);
const hover = await ask('textDocument/hover', at);
console.log(JSON.stringify({
  problems: found.map((problem) => ({ line: problem.range.start.line, severity: problem.severity, message: problem.message })),
  completion: (completion?.items ?? completion ?? []).map((item) => item.label),
  hover: hover?.contents?.value ?? '',
}));
child.kill();
process.exit(0);
