// Worker threads, a TCP server, files, dns.lookup, crypto in the thread pool, child processes, timers.
'use strict';
const { Worker, isMainThread, parentPort, workerData } = require('worker_threads');

if (!isMainThread) {
	let sum = 0;
	for (let i = 0; i < 1e6; i++)
		sum = (sum + i * workerData) % 1000003;
	parentPort.on('message', (m) => {
		parentPort.postMessage({ id: workerData, sum, echo: m * 2 });
		parentPort.close();
	});
} else {
	main().catch((e) => { console.log('failed', e); process.exit(1); });
}

function worker(id) {
	return new Promise((resolve, reject) => {
		const w = new Worker(__filename, { workerData: id });
		w.on('message', resolve);
		w.on('error', reject);
		w.postMessage(id);
	});
}

async function workers() {
	const all = await Promise.all([1, 2, 3, 4, 5, 6].map(worker));
	for (const r of all)
		console.log('worker', r.id, r.sum, r.echo);
	const flag = new Int32Array(new SharedArrayBuffer(4));
	console.log('Atomics.wait', Atomics.wait(flag, 0, 0, 20));
}

async function net() {
	const net = require('net');
	const server = net.createServer((s) => s.pipe(s));
	await new Promise((r) => server.listen(0, '127.0.0.1', r));
	const one = (i) => new Promise((resolve, reject) => {
		const s = net.connect(server.address().port, '127.0.0.1');
		const sent = Buffer.alloc(20000 + i, i), got = [];
		s.on('data', (d) => got.push(d));
		s.on('end', () => resolve(Buffer.concat(got).equals(sent)));
		s.on('error', reject);
		s.end(sent);
	});
	const results = await Promise.all(Array.from({ length: 50 }, (_, i) => one(i)));
	console.log('net', results.filter(Boolean).length);
	await new Promise((r) => server.close(r));
}

async function files() {
	const fs = require('fs'), os = require('os'), path = require('path');
	const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'node-'));
	const names = Array.from({ length: 50 }, (_, i) => path.join(dir, 'f' + i));
	await Promise.all(names.map((n, i) => fs.promises.writeFile(n, 'x'.repeat(i * 1000))));
	const sizes = await Promise.all(names.map(async (n) => (await fs.promises.readFile(n)).length));
	console.log('fs', sizes.reduce((a, b) => a + b), (await fs.promises.readdir(dir)).length);
	fs.rmSync(dir, { recursive: true });
}

async function pool() {
	const dns = require('dns').promises, crypto = require('crypto'), util = require('util');
	const found = await Promise.all(Array.from({ length: 20 }, () => dns.lookup('localhost', 4)));
	console.log('dns', new Set(found.map((f) => f.address)));
	const scrypt = util.promisify(crypto.scrypt);
	const keys = await Promise.all(Array.from({ length: 8 }, (_, i) => scrypt('pw' + i, 'salt', 16, { N: 1024 })));
	console.log('scrypt', keys.map((k) => k.toString('hex')).join(' '));
	const zlib = require('zlib');
	console.log('zlib', (await util.promisify(zlib.gzip)(Buffer.alloc(1e6))).length < 2000);
}

async function children() {
	const { execFile, spawnSync, fork } = require('child_process'), util = require('util');
	const run = util.promisify(execFile);
	const all = await Promise.all([1, 2, 3, 4, 5].map((i) => run('sh', ['-c', `echo child ${i}`])));
	console.log(all.map((r) => r.stdout.trim()).join(', '));
	console.log('spawnSync', spawnSync('cat', { input: 'hello' }).stdout.toString());
	const code = await new Promise((r) => execFile('sh', ['-c', 'exit 7'], (e) => r(e.code)));
	console.log('exit', code);
	process.once('SIGUSR2', () => console.log('SIGUSR2'));
	await new Promise((r) => { process.kill(process.pid, 'SIGUSR2'); setTimeout(r, 50); });
}

async function main() {
	const before = process.hrtime.bigint();
	await new Promise((r) => setTimeout(r, 30));
	console.log('timer', process.hrtime.bigint() - before >= 29000000n);
	for (const part of [workers, net, files, pool, children])
		await part();
}
