// Google's BigQuery client against the sandbox: every operation that people use it for, what goes wrong
// with it, and the table that bridgewatch has loaded (LOADED: a file with what PostgreSQL says).
'use strict';

const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const zlib = require('node:zlib');
const {execFileSync} = require('node:child_process');
const {Readable} = require('node:stream');
const {BigQuery} = require('@google-cloud/bigquery');
const {PassThroughClient} = require('google-auth-library');
const {assert, control, eventually, fails, run, url} = require('./cases.js');

const client = new BigQuery({projectId: 'p', apiEndpoint: url, authClient: new PassThroughClient()});
const dataset = client.dataset('d');
const SCHEMA = [
    {name: 'id', type: 'INTEGER', mode: 'REQUIRED'},
    {name: 'name', type: 'STRING'},
    {name: 'at', type: 'TIMESTAMP'},
];

async function makeTable(name, fields = SCHEMA, options = {}) {
    const [table] = await dataset.createTable(name, {schema: {fields}, ...options});
    return table;
}

function byId(rows) {
    return rows.sort((a, b) => a.id - b.id);
}

// A value of the client as text that does not depend on the client's version.
function plain(value) {
    if (value === null || value === undefined)
        return null;
    if (Buffer.isBuffer(value))
        return value.toString('base64');
    if (Array.isArray(value))
        return value.map(plain);
    if (value.value !== undefined)
        return String(value.value);
    return value.toFixed && typeof value !== 'number' ? value.toFixed() : String(value);
}

// Fractions of a second have as many digits as the client likes.
function shortTime(text) {
    return text && text.replace(/(\.\d*?)0*(Z?)$/, (_, fraction, zone) => (fraction === '.' ? '' : fraction) + zone);
}

function localFile(name, content) {
    const file = path.join(fs.mkdtempSync(path.join(os.tmpdir(), 'bwt-')), name);
    fs.writeFileSync(file, content);
    return file;
}

async function load(file, table, metadata) {
    try {
        return await table.load(file, metadata);
    } finally {
        fs.rmSync(path.dirname(file), {recursive: true});
    }
}

// All rows, asked for in pages of this size.
async function pages(ask, size, wrapIntegers = false) {
    const rows = [];
    for (let options = {maxResults: size, autoPaginate: false, wrapIntegers}; options;) {
        const [page, next] = await ask(options);
        assert.ok(page.length === size || !next);
        rows.push(...page);
        options = next && {...next, wrapIntegers}; // the client forgets that
    }
    return rows;
}

// Another process, whose environment says where BigQuery is; its standard output as JSON.
function elsewhere(env, options, body) {
    const script = `const {BigQuery} = require('@google-cloud/bigquery');
        const {PassThroughClient} = require('google-auth-library');
        const client = new BigQuery(${options});
        (async () => { ${body} })().then(v => console.log(JSON.stringify(v)), e => { console.error(e); process.exit(1); });`;
    const out = execFileSync(process.execPath, ['-e', script], {env: {...process.env, ...env}, timeout: 60000});
    return JSON.parse(out);
}

const cases = {
    // ---- datasets

    async 'a dataset is made, found, changed and listed'() {
        const [made] = await client.createDataset('d', {location: 'US', labels: {team: 'ops'}});
        assert.equal(made.metadata.location, 'US');
        assert.deepEqual(await dataset.exists(), [true]);
        assert.deepEqual(await client.dataset('none').exists(), [false]);
        const [changed] = await dataset.setMetadata({description: 'of the contract tests'});
        assert.equal(changed.description, 'of the contract tests');
        assert.deepEqual(changed.labels, {team: 'ops'});
        assert.ok((await client.getDatasets())[0].some(d => d.id === 'd'));
        await fails(client.createDataset('d'), 409, /Already Exists/);
        await fails(client.dataset('none').getMetadata(), 404, /Not found/);
    },

    async 'a dataset that holds tables is not deleted unless asked'() {
        const [full] = await client.createDataset('full');
        await full.createTable('t', {schema: 'a:STRING'});
        await fails(full.delete(), 400, /in use|still/i);
        await full.delete({force: true});
        assert.deepEqual(await full.exists(), [false]);
    },

    // ---- tables

    async 'a table keeps what it was made with'() {
        const table = await makeTable('made', SCHEMA, {
            timePartitioning: {type: 'DAY', field: 'at'}, clustering: {fields: ['id']}, labels: {a: 'b'},
        });
        const [metadata] = await table.getMetadata();
        assert.deepEqual(metadata.schema.fields.map(f => [f.name, f.type, f.mode]),
            [['id', 'INTEGER', 'REQUIRED'], ['name', 'STRING', 'NULLABLE'], ['at', 'TIMESTAMP', 'NULLABLE']]);
        assert.deepEqual(metadata.timePartitioning, {type: 'DAY', field: 'at'});
        assert.deepEqual(metadata.clustering, {fields: ['id']});
        assert.equal(metadata.numRows, '0');
        await fails(makeTable('made'), 409, /Already Exists/);
        assert.deepEqual(await dataset.table('none').exists(), [false]);
        await fails(dataset.table('none').get(), 404, /Not found/);
        assert.ok((await dataset.getTables())[0].some(t => t.id === 'made'));
    },

    async 'a table is widened and nothing else'() {
        const table = await makeTable('patched');
        const wider = [...SCHEMA, {name: 'extra', type: 'NUMERIC'}];
        const [metadata] = await table.setMetadata({schema: {fields: wider}, description: 'wider'});
        assert.equal(metadata.schema.fields.length, 4);
        await table.setMetadata({schema: {fields: wider.map(f => ({...f, mode: 'NULLABLE'}))}});
        await fails(table.setMetadata({schema: {fields: SCHEMA.slice(1)}}), 400, /does not match/);
        await fails(table.setMetadata({
            schema: {fields: wider.map(f => (f.name === 'name' ? {...f, type: 'INTEGER'} : f))},
        }), 400, /does not match/);
    },

    async 'a change on top of a stale etag is refused'() {
        const table = await makeTable('tagged');
        const [before] = await table.getMetadata();
        await table.setMetadata({etag: before.etag, description: 'first'});
        const error = await fails(table.setMetadata({etag: before.etag, description: 'second'}), 412);
        assert.equal(error.errors[0].reason, 'conditionNotMet');
        assert.equal((await table.getMetadata())[0].description, 'first');
    },

    async 'a deleted table is gone'() {
        const table = await makeTable('gone');
        await table.delete();
        assert.deepEqual(await table.exists(), [false]);
        await fails(table.delete(), 404, /Not found/);
    },

    // ---- inserting rows

    async 'inserted rows are read back page by page'() {
        const table = await makeTable('inserted');
        const at = client.timestamp('2023-11-14T22:13:20.123456Z');
        await table.insert([{id: 1, name: 'a', at}, {id: 2, name: null, at: null}, {id: 3, name: 'ü😀'}]);
        const [rows] = await table.getRows();
        assert.deepEqual(byId(rows).map(r => [r.id, r.name]), [[1, 'a'], [2, null], [3, 'ü😀']]);
        assert.equal(shortTime(rows[0].at.value), '2023-11-14T22:13:20.123456Z');
        assert.deepEqual(await pages(options => table.getRows(options), 2), rows);
    },

    async 'rows that do not fit are named, and the others stopped'() {
        const table = await makeTable('partial');
        const error = await table.insert([{id: 1}, {id: 'x'}, {nmae: 'c', id: 3}]).then(() => null, e => e);
        assert.equal(error.name, 'PartialFailureError');
        const reasons = error.errors.map(e => e.errors[0].reason).sort();
        assert.deepEqual([...new Set(reasons)], ['invalid', 'stopped']);
        assert.deepEqual((await table.getRows())[0], []);
        const kept = await table.insert([{insertId: 'k1', json: {id: 1}}, {insertId: 'k2', json: {nmae: 'c', id: 3}}],
            {raw: true, skipInvalidRows: true}).then(() => null, e => e);
        assert.equal(kept.errors.length, 1);
        await table.insert([{insertId: 'k3', json: {nmae: 'c', id: 4}}], {raw: true, ignoreUnknownValues: true});
        assert.deepEqual(byId((await table.getRows())[0]).map(r => r.id), [1, 4]);
    },

    async 'a row with a known insertId is not doubled'() {
        const table = await makeTable('deduplicated');
        for (let i = 0; i < 3; i++)
            await table.insert([{insertId: 'same', json: {id: 1}}], {raw: true});
        assert.equal((await table.getRows())[0].length, 1);
    },

    async 'rows for a table that is not there are refused'() {
        await fails(dataset.table('none').insert([{id: 1}]), 404, /Not found/);
    },

    // ---- load jobs

    async 'a file of JSON lines is loaded'() {
        const table = await makeTable('loaded');
        const lines = Array.from({length: 1000}, (_, i) => JSON.stringify({id: i, name: `n${i}`})).join('\n');
        const [job] = await load(localFile('rows.json', lines), table,
            {sourceFormat: 'NEWLINE_DELIMITED_JSON', writeDisposition: 'WRITE_APPEND'});
        assert.equal(job.status.state, 'DONE');
        assert.equal(job.statistics.load.outputRows, '1000');
        assert.equal((await table.getMetadata())[0].numRows, '1000');
    },

    async 'a compressed file is loaded, and replaces'() {
        const table = await makeTable('zipped');
        await table.insert([{id: 7}]);
        const [job] = await load(localFile('rows.json.gz', zlib.gzipSync('{"id":1}\n{"id":2}\n')), table,
            {sourceFormat: 'NEWLINE_DELIMITED_JSON', writeDisposition: 'WRITE_TRUNCATE'});
        assert.equal(job.statistics.load.outputRows, '2');
        assert.deepEqual(byId((await table.getRows())[0]).map(r => r.id), [1, 2]);
    },

    async 'a file of CSV is loaded, its schema given with it'() {
        const [job] = await load(localFile('rows.csv', 'id,name\n1,"a, b"\n2,\n'), dataset.table('from_csv'),
            {sourceFormat: 'CSV', skipLeadingRows: 1, schema: 'id:INTEGER,name:STRING'});
        assert.equal(job.statistics.load.outputRows, '2');
        assert.deepEqual(byId((await dataset.table('from_csv').getRows())[0])[0], {id: 1, name: 'a, b'});
    },

    async 'a stream is uploaded, plain and compressed'() {
        for (const compressed of [false, true]) {
            const table = await makeTable(`streamed_${compressed}`);
            const lines = Array.from({length: 20000}, (_, i) => JSON.stringify({id: i, name: 'x'.repeat(50)}) + '\n');
            const upload = table.createWriteStream({sourceFormat: 'NEWLINE_DELIMITED_JSON'});
            const complete = new Promise((resolve, reject) => upload.on('complete', resolve).on('error', reject));
            const source = compressed ? Readable.from(lines).pipe(zlib.createGzip()) : Readable.from(lines);
            source.pipe(upload);
            assert.equal((await complete).metadata.status.state, 'DONE');
            assert.equal((await table.getMetadata())[0].numRows, '20000');
        }
    },

    async 'a load that fails says which row'() {
        const table = await makeTable('refused');
        const error = await load(localFile('rows.json', '{"id":1}\n{"id":"x"}\n'), table,
            {sourceFormat: 'NEWLINE_DELIMITED_JSON'}).then(() => null, e => e);
        assert.match(String(error.message) + JSON.stringify(error.errors), /too many errors|Could not/i);
        assert.deepEqual((await table.getRows())[0], []);
    },

    async 'a job id is used once'() {
        const options = {query: 'SELECT 1', jobId: 'bw_once', location: 'US'};
        const [job] = await client.createQueryJob(options);
        await job.getQueryResults();
        const error = await fails(client.createQueryJob(options), 409, /Already Exists: Job p:US.bw_once/);
        assert.equal(error.errors[0].reason, 'duplicate');
        const [metadata] = await client.job('bw_once', {location: 'US'}).getMetadata();
        assert.equal(metadata.status.state, 'DONE');
        await fails(client.job('bw_never', {location: 'US'}).getMetadata(), 404, /Not found/);
        assert.deepEqual(await client.job('bw_never', {location: 'US'}).exists(), [false]);
        const jobs = (await client.getJobs({maxResults: 50, autoPaginate: false}))[0];
        assert.ok(jobs.some(j => j.id === 'bw_once'));
        await client.job('bw_once', {location: 'US'}).cancel();
    },

    async 'a table is copied'() {
        const table = await makeTable('original');
        await table.insert([{id: 1}]);
        const [job] = await table.copy(dataset.table('copied'));
        assert.equal(job.status.state, 'DONE');
        assert.equal((await dataset.table('copied').getRows())[0].length, 1);
    },

    // ---- queries

    async 'a query answers with rows of every type'() {
        const [rows] = await client.query(`SELECT 1 AS i, 1.5 AS f, TRUE AS b, 'x' AS s, b'hi' AS y,
            DATE '2026-01-02' AS d, TIME '03:04:05.000006' AS t, DATETIME '2026-01-02 03:04:05' AS dt,
            TIMESTAMP '2026-01-02 03:04:05.000006+00' AS ts, NUMERIC '12345678901234567890.123456789' AS n,
            BIGNUMERIC '1e-38' AS bn, [1, 2] AS a, STRUCT(1 AS x, 'y' AS y) AS r, CAST(NULL AS STRING) AS z,
            JSON '{"a":[1]}' AS j`);
        const [row] = rows;
        assert.deepEqual([row.i, row.f, row.b, row.s, row.z], [1, 1.5, true, 'x', null]);
        assert.deepEqual([plain(row.y), plain(row.d), shortTime(plain(row.t)), shortTime(plain(row.dt)),
            shortTime(plain(row.ts))],
        ['aGk=', '2026-01-02', '03:04:05.000006', '2026-01-02T03:04:05', '2026-01-02T03:04:05.000006Z']);
        assert.deepEqual([plain(row.n), plain(row.bn)],
            ['12345678901234567890.123456789', '0.00000000000000000000000000000000000001']);
        assert.deepEqual([row.a, row.r, JSON.parse(row.j)], [[1, 2], {x: 1, y: 'y'}, {a: [1]}]);
    },

    async 'a query takes named and positional parameters of every type'() {
        const values = {
            i: 1, big: BigQuery.int('9007199254740993'), f: 1.5, b: true, s: 'x', y: 'aGk=',
            d: client.date('2026-01-02'), t: client.time('03:04:05.000006'), dt: client.datetime('2026-01-02 03:04:05'),
            ts: client.timestamp('2026-01-02T03:04:05.000006Z'), a: [1, 2], r: {x: 1, y: 'y'},
            rs: [{x: 1}, {x: 2}],
        };
        const names = Object.keys(values);
        // The client guesses all types but that of bytes.
        const guessed = {i: 'INT64', big: 'INT64', f: 'FLOAT64', b: 'BOOL', s: 'STRING', y: 'BYTES', d: 'DATE', t: 'TIME',
            dt: 'DATETIME', ts: 'TIMESTAMP', a: ['INT64'], r: {x: 'INT64', y: 'STRING'}, rs: [{x: 'INT64'}]};
        const types = params => (Array.isArray(params) ? Object.values(guessed) : {y: 'BYTES'});
        const expected = ['1', '9007199254740993', '1.5', 'true', 'x', 'aGk=', '2026-01-02', '03:04:05.000006',
            '2026-01-02T03:04:05', '2026-01-02T03:04:05.000006Z'];
        for (const [places, params] of [[names.map(n => `@${n} AS ${n}`), values],
            [names.map(n => `? AS ${n}`), Object.values(values)]]) {
            const [[row]] = await client.query({
                query: `SELECT ${places.join(', ')}`, params, types: types(params), wrapIntegers: true,
            });
            const got = names.slice(0, 10).map(n => (['t', 'dt', 'ts'].includes(n) ? shortTime(plain(row[n])) : plain(row[n])));
            assert.deepEqual(got, expected);
            assert.deepEqual(plain(row.a), ['1', '2']);
            assert.deepEqual([plain(row.r.x), row.r.y, row.rs.map(r => plain(r.x))], ['1', 'y', ['1', '2']]);
        }
    },

    async 'a parameter may be NULL, numeric or an empty list when its type is said'() {
        const [[row]] = await client.query({
            query: 'SELECT @n AS n, @e AS e, ARRAY_LENGTH(@l) AS l, @j AS j',
            params: {n: null, e: '1.25', l: [], j: '{"a":1}'},
            types: {n: 'INT64', e: 'NUMERIC', l: ['STRING'], j: 'JSON'},
        });
        assert.deepEqual([row.n, plain(row.e), row.l, JSON.parse(row.j)], [null, '1.25', 0, {a: 1}]);
    },

    async 'a range goes in as a parameter and comes back'() {
        const ranges = {
            d: client.range('[2026-01-02, UNBOUNDED)', 'DATE'),
            dt: client.range('[2026-01-02 03:04:05, 2026-01-03 00:00:00)', 'DATETIME'),
            ts: client.range('[2026-01-02T03:04:05Z, 2026-01-03T00:00:00Z)', 'TIMESTAMP'),
        };
        const [[row]] = await client.query({query: 'SELECT @d AS d, @dt AS dt, @ts AS ts', params: ranges});
        assert.equal(row.d.elementType, 'DATE');
        assert.equal(row.d.start.value, '2026-01-02');
        assert.equal(row.d.end, null);
        assert.equal(row.dt.start.value, '2026-01-02T03:04:05');
        assert.equal(row.ts.start.value, ranges.ts.start.value);
        assert.equal(row.ts.end.value, ranges.ts.end.value);
    },

    async 'a script answers with the rows of its last query, and has child jobs'() {
        const query = 'DECLARE x INT64 DEFAULT 20; CREATE TEMP TABLE t AS SELECT x + 1 AS y; SELECT y * 2 AS z FROM t';
        const [job] = await client.createQueryJob({query});
        const [rows] = await job.getQueryResults();
        assert.deepEqual(rows, [{z: 42}]);
        const [metadata] = await job.getMetadata();
        assert.equal(metadata.statistics.query.statementType, 'SCRIPT');
        assert.equal(metadata.statistics.numChildJobs, '2');
        const [children] = await client.getJobs({parentJobId: job.id});
        assert.equal(children.length, 2);
        assert.equal(children[0].metadata.statistics.parentJobId, job.id);
    },

    async 'a view is made and read'() {
        const table = await makeTable('viewed');
        await table.insert([{id: 7}]);
        const [view, resource] = await dataset.createTable('view', {
            view: `SELECT id + 1 AS next FROM \`${dataset.id}.viewed\``,
        });
        assert.equal(resource.type, 'VIEW');
        assert.deepEqual(resource.schema.fields.map(f => f.name), ['next']);
        const [rows] = await client.query(`SELECT * FROM \`${dataset.id}.view\``);
        assert.deepEqual(rows, [{next: 8}]);
        await fails(view.getRows(), 400, /VIEW/);
        await view.delete();
    },

    async 'a query job is read page by page'() {
        const query = 'SELECT x FROM UNNEST(GENERATE_ARRAY(1, 25)) AS x ORDER BY x';
        const [job] = await client.createQueryJob({query, labels: {of: 'contract'}});
        const [all] = await job.getQueryResults();
        assert.deepEqual(all.map(r => r.x), Array.from({length: 25}, (_, i) => i + 1));
        assert.deepEqual(await pages(options => job.getQueryResults(options), 10), all);
        const [metadata] = await job.getMetadata();
        assert.deepEqual(metadata.configuration.labels, {of: 'contract'});
        assert.equal(metadata.statistics.query.statementType, 'SELECT');
        const streamed = [];
        for await (const row of client.createQueryStream(query))
            streamed.push(row.x);
        assert.equal(streamed.length, 25);
        assert.equal((await client.query({query, maxResults: 7}))[0].length, 25);
    },

    async 'a dry run estimates and does nothing'() {
        const table = await makeTable('estimated');
        await table.insert([{id: 1, name: 'a'}]);
        const [job] = await client.createQueryJob({query: 'SELECT * FROM d.estimated', dryRun: true});
        assert.equal(job.metadata.status.state, 'DONE');
        assert.match(job.metadata.statistics.totalBytesProcessed, /^\d+$/);
        await client.createQueryJob({query: 'DROP TABLE d.estimated', dryRun: true});
        assert.deepEqual(await table.exists(), [true]);
        await fails(client.createQueryJob({query: 'SELECT nothing FROM d.estimated', dryRun: true}), 400);
    },

    async 'a query writes into a table, and statements change it'() {
        const destination = dataset.table('written');
        await (await client.createQueryJob({query: 'SELECT 1 AS id, "a" AS name', destination}))[0].getQueryResults();
        const statements = [
            'INSERT INTO d.written (id, name) VALUES (2, "b"), (3, "c")', 'UPDATE d.written SET name = "z" WHERE id = 2',
            'DELETE FROM d.written WHERE id = 3',
            `MERGE d.written t USING (SELECT 2 AS id, 'm' AS name UNION ALL SELECT 9, 'n') s ON t.id = s.id
             WHEN MATCHED THEN UPDATE SET name = s.name WHEN NOT MATCHED THEN INSERT (id, name) VALUES (id, name)`,
        ];
        for (const query of statements)
            await client.query({query, defaultDataset: {datasetId: 'd'}});
        assert.deepEqual(byId((await destination.getRows())[0]).map(r => [r.id, r.name]), [[1, 'a'], [2, 'm'], [9, 'n']]);
    },

    async 'a query that is wrong is refused with its place'() {
        const error = await fails(client.query('SELEC 1'), 400, /Syntax error/);
        assert.equal(error.errors[0].reason, 'invalidQuery');
        await fails(client.query('SELECT * FROM d.none'), 404, /Not found: Table/);
        await fails(client.query('SELECT no_such_function(1)'), 400, /[Ff]unction not found/);
        await fails(client.query({query: 'SELECT 1', location: 'nowhere', defaultDataset: {datasetId: 'none'}}), 404);
    },

    // ---- what goes wrong on the way

    async 'the client tries again after 503'() {
        await control('POST', '/sandbox/faults', {faults: ['bigquery.tables.get:503:1:1']});
        assert.deepEqual(await dataset.table('made').exists(), [true]);
        await control('DELETE', '/sandbox/faults');
    },

    async 'a rate limit and a lost answer are told'() {
        await control('POST', '/sandbox/faults',
            {faults: ['bigquery.tables.list:403/quotaExceeded:1:1', 'bigquery.jobs.cancel:401:1:1']});
        const error = await fails(dataset.getTables(), 403);
        assert.equal(error.errors[0].reason, 'quotaExceeded');
        await fails(client.job('bw_once', {location: 'US'}).cancel(), 401);
        await control('DELETE', '/sandbox/faults');
    },

    // ---- where BigQuery is

    async 'BIGQUERY_EMULATOR_HOST is enough, with and without the service path'() {
        const options = "{projectId: 'p', authClient: new PassThroughClient()}";
        const body = `const file = process.env.ROWS, table = client.dataset('d').table('elsewhere_' + process.env.NAME);
            await table.load(file, {sourceFormat: 'NEWLINE_DELIMITED_JSON', schema: 'id:INTEGER'});
            const [rows] = await table.getRows();
            const [counted] = await client.query('SELECT COUNT(*) AS n FROM d.elsewhere_' + process.env.NAME);
            return [rows, counted];`;
        const file = localFile('rows.json', '{"id":5}\n');
        for (const [name, host] of [['bare', url], ['whole', `${url}/bigquery/v2`]]) {
            const env = {BIGQUERY_EMULATOR_HOST: host, ROWS: file, NAME: name};
            assert.deepEqual(elsewhere(env, options, body), [[{id: 5}], [{n: 1}]]);
        }
        fs.rmSync(path.dirname(file), {recursive: true});
    },

    async 'an endpoint without credentials is enough to ask'() {
        const env = {METADATA_SERVER_DETECTION: 'none', HOME: '/nonexistent', GOOGLE_APPLICATION_CREDENTIALS: ''};
        const options = `{projectId: 'p', apiEndpoint: '${url}'}`;
        assert.deepEqual(elsewhere(env, options, "return (await client.query('SELECT 1 AS x'))[0];"), [{x: 1}]);
    },

    async 'the metadata server gives a project and a token'() {
        const env = {
            GCE_METADATA_HOST: new URL(url).host, METADATA_SERVER_DETECTION: 'assume-present', HOME: '/nonexistent',
            GOOGLE_APPLICATION_CREDENTIALS: '',
        };
        const options = `{apiEndpoint: '${url}'}`;
        const [project, rows] = elsewhere(env, options,
            "const [rows] = await client.query('SELECT 1 AS x'); return [await client.getProjectId(), rows];");
        assert.deepEqual([project, rows], ['demo', [{x: 1}]]);
        await control('POST', '/sandbox/tokens/expire');
    },

    // ---- what bridgewatch has loaded

    async 'the table that bridgewatch has loaded is what PostgreSQL says'() {
        const {project, table, times, rows: expected} = JSON.parse(fs.readFileSync(process.env.LOADED, 'utf8'));
        const there = new BigQuery({projectId: project, apiEndpoint: url, authClient: new PassThroughClient()});
        const comparable = row => Object.fromEntries(Object.keys(expected[0]).map(name => {
            const value = plain(row[name]);
            return [name, times.includes(name) ? shortTime(value) : value];
        }));
        const compare = rows => {
            assert.equal(rows.length, expected.length);
            byId(rows);
            expected.forEach(row => { row.ratio = row.ratio && String(Number(row.ratio)); });
            expected.forEach((row, i) => assert.deepEqual(comparable(rows[i]), row));
        };
        compare(await pages(options => there.dataset('analytics').table(table).getRows(options), 300, true));
        compare((await there.query({query: `SELECT * FROM analytics.${table}`, wrapIntegers: true}))[0]);
        const [[counted]] = await there.query({
            query: `SELECT COUNT(*) AS n, COUNT(DISTINCT id) AS ids FROM analytics.${table} WHERE id > @least`,
            params: {least: 0},
        });
        assert.deepEqual(counted, {n: expected.length, ids: expected.length});
    },

    async 'a job that takes its time is waited for'() {
        await control('POST', '/sandbox/faults', {faults: ['bigquery.job.query:latency=1500ms:1:1']});
        const [job] = await client.createQueryJob('SELECT 1 AS x');
        const [rows] = await job.getQueryResults();
        assert.deepEqual(rows, [{x: 1}]);
        const state = await eventually('the job', async () => (await job.getMetadata())[0].status.state);
        assert.equal(state, 'DONE');
        await control('DELETE', '/sandbox/faults');
    },
};

run(cases);
