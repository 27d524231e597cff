// Google's Datastore client against the sandbox, over REST: entities with values of every type, queries,
// transactions and what goes wrong with them.
'use strict';

const {execFileSync} = require('node:child_process');
const {Datastore, PropertyFilter, and, or} = require('@google-cloud/datastore');
const {PassThroughClient} = require('google-auth-library');
const {assert, control, eventually, fails, run, url} = require('./cases.js');

// Codes of gRPC. The older client makes them from HTTP's status alone, which several of them share.
const INVALID_ARGUMENT = 3, NOT_FOUND = 5, ALREADY_EXISTS = [6, 10], ABORTED = 10, UNAUTHENTICATED = 16;

// Without validateStatus newer clients give the status of HTTP where a code of gRPC is meant.
const authClient = new PassThroughClient({transporterOptions: {validateStatus: () => true}});
const options = {projectId: 'p', apiEndpoint: url, fallback: true, protocol: 'http', authClient};
const client = new Datastore(options);

function key(...path) {
    return client.key(path);
}

async function save(path, data, more = {}) {
    await client.save({key: client.key(path), data, ...more});
}

function nameOf(entity) {
    return entity[client.KEY].name ?? entity[client.KEY].id;
}

// The names of what a query finds, in its order.
async function names(query, more) {
    return (await client.runQuery(query, more))[0].map(nameOf);
}

// Ten of a kind: n from 0 to 9, even or odd, and a list.
async function makeNumbers(kind) {
    await client.save(Array.from({length: 10}, (_, n) => ({
        key: key(kind, `e${n}`), data: {n, parity: n % 2 ? 'odd' : 'even', half: n / 2, tags: [`t${n}`, 'all']},
    })));
    return client.createQuery(kind);
}

const cases = {
    // ---- entities

    async 'values of every type come back as they were saved'() {
        const data = {
            text: 'ü😀"\n', empty: '', whole: 42, negative: -1, fraction: 1.5, double: client.double(2), yes: true, nothing: null,
            at: new Date('2023-11-14T22:13:20.123Z'), blob: Buffer.from([0, 1, 254, 255]), list: [1, 'two', null, false],
            none: [], inner: {a: 1, deeper: {b: [true, {c: 'd'}]}}, place: client.geoPoint({latitude: 1.5, longitude: -2.25}),
            other: key('Parent', 'x', 'Kind', 7),
        };
        await save(['Every', 'one'], data);
        const [got] = await client.get(key('Every', 'one'));
        for (const name of ['text', 'empty', 'whole', 'negative', 'fraction', 'yes', 'nothing', 'at', 'list', 'none', 'inner'])
            assert.deepEqual(got[name], data[name], name);
        assert.equal(Number(got.double), 2);
        assert.deepEqual(Buffer.from(got.blob), data.blob);
        assert.deepEqual([got.place.latitude, got.place.longitude], [1.5, -2.25]);
        assert.deepEqual([...got.other.path].map(String), ['Parent', 'x', 'Kind', '7']);
    },

    async 'whole numbers of 64 bits are exact'() {
        const numbers = ['9223372036854775807', '-9223372036854775808', '9007199254740993'];
        await save(['Exact', 'one'], Object.fromEntries(numbers.map((n, i) => [`n${i}`, client.int(n)])));
        const [got] = await client.get(key('Exact', 'one'), {wrapNumbers: true});
        assert.deepEqual(numbers.map((_, i) => got[`n${i}`].value), numbers);
    },

    async 'long texts are kept outside the indexes'() {
        await save(['Long', 'one'], {text: 'x'.repeat(100000)}, {excludeFromIndexes: ['text']});
        assert.equal((await client.get(key('Long', 'one')))[0].text.length, 100000);
        await fails(save(['Long', 'two'], {text: 'x'.repeat(1501)}), INVALID_ARGUMENT);
    },

    async 'several keys are looked up at once, and missing ones left out'() {
        await save(['Some', 'a'], {v: 1});
        await save(['Some', 'b'], {v: 2});
        const keys = [key('Some', 'a'), key('Some', 'none'), key('Some', 'b')];
        assert.deepEqual((await client.get(keys))[0].map(e => e.v).sort(), [1, 2]);
        assert.deepEqual(await client.get(key('Some', 'none')), [undefined]);
        assert.equal((await client.get(keys[0], {consistency: 'eventual'}))[0].v, 1);
    },

    async 'insert, update, upsert, merge and delete do what they say'() {
        const one = key('Changed', 'one');
        await client.insert({key: one, data: {v: 1}});
        await fails(client.insert({key: one, data: {v: 2}}), ALREADY_EXISTS);
        await client.update({key: one, data: {v: 3, w: 1}});
        await fails(client.update({key: key('Changed', 'none'), data: {v: 1}}), NOT_FOUND);
        await client.merge({key: one, data: {v: 4}});
        assert.deepEqual((({v, w}) => ({v, w}))((await client.get(one))[0]), {v: 4, w: 1});
        await client.upsert({key: one, data: {v: 5}});
        assert.deepEqual((({v, w}) => ({v, w}))((await client.get(one))[0]), {v: 5, w: undefined});
        await client.delete(one);
        await client.delete(one);
        assert.deepEqual(await client.get(one), [undefined]);
    },

    async 'ids are given to entities that have none'() {
        const entity = {key: client.key('Numbered'), data: {v: 1}};
        await client.save(entity);
        assert.match(String(entity.key.id), /^[1-9]\d*$/);
        assert.equal((await client.get(entity.key))[0].v, 1);
        const [keys] = await client.allocateIds(client.key('Numbered'), 5);
        assert.equal(new Set([...keys.map(k => k.id), entity.key.id]).size, 6);
    },

    async 'what is no entity is refused'() {
        await fails(save(['__reserved__', 'x'], {v: 1}), INVALID_ARGUMENT);
        await fails(save(['Reserved', '__x__'], {v: 1}), INVALID_ARGUMENT);
        await fails(save(['Reserved', 'x'], {__x__: 1}), INVALID_ARGUMENT);
    },

    async 'namespaces keep their entities apart'() {
        const other = new Datastore({...options, namespace: 'other'});
        await save(['Apart', 'one'], {v: 'default'});
        await other.save({key: other.key(['Apart', 'one']), data: {v: 'other'}});
        assert.equal((await client.get(key('Apart', 'one')))[0].v, 'default');
        const [[entity]] = await other.runQuery(other.createQuery('Apart'));
        assert.deepEqual([entity.v, entity[other.KEY].namespace], ['other', 'other']);
        const [namespaces] = await client.runQuery(client.createQuery('__namespace__').select('__key__'));
        assert.ok(namespaces.some(n => n[client.KEY].name === 'other'));
        const [kinds] = await client.runQuery(client.createQuery('__kind__').select('__key__'));
        assert.ok(kinds.some(k => k[client.KEY].name === 'Apart'));
    },

    // ---- queries

    async 'filters find what they describe'() {
        const query = await makeNumbers('Filtered');
        const find = (...filters) => names(filters.reduce((q, f) => q.filter(f), client.createQuery('Filtered')));
        const is = (name, op, value) => new PropertyFilter(name, op, value);
        assert.equal((await names(query)).length, 10);
        assert.deepEqual(await find(is('n', '=', 3)), ['e3']);
        assert.deepEqual(await find(is('n', '<', 2)), ['e0', 'e1']);
        assert.deepEqual(await find(is('n', '<=', 1)), ['e0', 'e1']);
        assert.deepEqual(await find(is('n', '>', 8)), ['e9']);
        assert.deepEqual(await find(is('n', '>=', 8)), ['e8', 'e9']);
        assert.deepEqual(await find(is('n', '!=', 0), is('n', '<', 3)), ['e1', 'e2']);
        assert.deepEqual((await find(is('n', 'IN', [1, 5, 99]))).sort(), ['e1', 'e5']);
        assert.deepEqual((await find(is('n', 'NOT_IN', [0, 1, 2, 3, 4, 5, 6, 7]))).sort(), ['e8', 'e9']);
        assert.deepEqual(await find(is('tags', '=', 't4')), ['e4']);
        assert.deepEqual(await find(is('parity', '=', 'odd'), is('n', '>', 6)), ['e7', 'e9']);
        assert.deepEqual(await find(and([is('parity', '=', 'even'), is('n', '<', 4)])), ['e0', 'e2']);
        assert.deepEqual((await find(or([is('n', '=', 2), is('n', '=', 7)]))).sort(), ['e2', 'e7']);
        assert.deepEqual(await find(is('__key__', '>', key('Filtered', 'e8'))), ['e9']);
        assert.deepEqual(await names(client.createQuery('NoSuchKind')), []);
    },

    async 'results are ordered, skipped and limited'() {
        const query = await makeNumbers('Ordered');
        assert.deepEqual(await names(query.order('n', {descending: true}).limit(3)), ['e9', 'e8', 'e7']);
        const odd = client.createQuery('Ordered').order('parity', {descending: true}).order('n').offset(1).limit(2);
        assert.deepEqual(await names(odd), ['e3', 'e5']);
    },

    async 'cursors go on where the last page ended'() {
        await makeNumbers('Paged');
        const found = [];
        for (let start = null, more = true; more;) {
            const query = client.createQuery('Paged').order('n').limit(4);
            const [page, info] = await client.runQuery(start ? query.start(start) : query);
            found.push(...page.map(e => e.n));
            start = info.endCursor;
            more = info.moreResults !== client.NO_MORE_RESULTS && page.length > 0;
        }
        assert.deepEqual(found, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
        const streamed = [];
        for await (const entity of client.runQueryStream(client.createQuery('Paged').order('n')))
            streamed.push(entity.n);
        assert.equal(streamed.length, 10);
        await fails(client.runQuery(client.createQuery('Paged').start('bm9uc2Vuc2U=')), INVALID_ARGUMENT);
    },

    async 'keys alone, some properties, and distinct ones'() {
        await makeNumbers('Projected');
        const [keys] = await client.runQuery(client.createQuery('Projected').select('__key__').limit(2));
        assert.deepEqual(keys.map(e => Object.keys(e).length), [0, 0]);
        const [some] = await client.runQuery(client.createQuery('Projected').select(['n', 'parity']).order('n').limit(2));
        assert.deepEqual(some.map(e => Object.entries(e)), [[['n', 0], ['parity', 'even']], [['n', 1], ['parity', 'odd']]]);
        const [distinct] = await client.runQuery(client.createQuery('Projected').select('parity').groupBy('parity'));
        assert.deepEqual(distinct.map(e => e.parity).sort(), ['even', 'odd']);
    },

    async 'descendants are found by their ancestor'() {
        for (const path of [['Root', 'a'], ['Root', 'a', 'Leaf', 'x'], ['Root', 'a', 'Leaf', 'y'], ['Root', 'b', 'Leaf', 'z']])
            await save(path, {v: 1});
        assert.deepEqual(await names(client.createQuery('Leaf').hasAncestor(key('Root', 'a'))), ['x', 'y']);
        assert.deepEqual((await names(client.createQuery('Leaf'))).sort(), ['x', 'y', 'z']);
    },

    async 'counts, sums and averages are computed'() {
        const query = await makeNumbers('Counted');
        const aggregate = client.createAggregationQuery(query.filter(new PropertyFilter('n', '<', 5)))
            .count('rows').sum('n', 'total').average('half', 'mean');
        const [[result]] = await client.runAggregationQuery(aggregate);
        assert.deepEqual({...result}, {rows: 5, total: 10, mean: 1});
        const empty = client.createAggregationQuery(client.createQuery('NoSuchKind')).count('rows').average('n', 'mean');
        assert.deepEqual({...(await client.runAggregationQuery(empty))[0][0]}, {rows: 0, mean: null});
    },

    async 'statistics say how many there are of a kind'() {
        await makeNumbers('Measured');
        const query = client.createQuery('__Stat_Kind__').filter(new PropertyFilter('kind_name', '=', 'Measured'));
        const [[statistic]] = await client.runQuery(query);
        assert.equal(statistic.count, 10);
        assert.ok(statistic.bytes > 0 && statistic.timestamp instanceof Date);
    },

    // ---- transactions

    async 'a transaction writes all or nothing'() {
        const transaction = client.transaction();
        await transaction.run();
        transaction.save([{key: key('Atomic', 'a'), data: {v: 1}}, {key: key('Atomic', 'b'), data: {v: 2}}]);
        assert.deepEqual(await client.get(key('Atomic', 'a')), [undefined]);
        await transaction.commit();
        assert.equal((await client.get(key('Atomic', 'b')))[0].v, 2);
        const failing = client.transaction();
        await failing.run();
        failing.save({key: key('Atomic', 'c'), data: {v: 3}});
        failing.insert({key: key('Atomic', 'a'), data: {v: 9}});
        await fails(failing.commit(), ALREADY_EXISTS);
        assert.deepEqual(await client.get(key('Atomic', 'c')), [undefined]);
    },

    async 'a transaction that is rolled back has not been'() {
        const transaction = client.transaction();
        await transaction.run();
        transaction.save({key: key('Undone', 'a'), data: {v: 1}});
        await transaction.rollback();
        assert.deepEqual(await client.get(key('Undone', 'a')), [undefined]);
    },

    async 'of two transactions over one entity the second has to begin again'() {
        const shared = key('Contended', 'one');
        await client.save({key: shared, data: {v: 0}});
        const [first, second] = [client.transaction(), client.transaction()];
        for (const transaction of [first, second]) {
            await transaction.run();
            const [entity] = await transaction.get(shared);
            transaction.save({key: shared, data: {v: entity.v + 1}});
        }
        await first.commit();
        await fails(second.commit(), ABORTED);
        const again = client.transaction();
        await again.run();
        const [entity] = await again.get(shared);
        again.save({key: shared, data: {v: entity.v + 1}});
        await again.commit();
        assert.equal((await client.get(shared))[0].v, 2);
    },

    async 'a transaction reads what was there when it began'() {
        await save(['Steady', 'one'], {v: 1});
        const reading = client.transaction({readOnly: true});
        await reading.run();
        assert.equal((await reading.get(key('Steady', 'one')))[0].v, 1);
        const [found] = await reading.createQuery('Steady').run();
        assert.deepEqual(found.map(e => e.v), [1]);
        await reading.commit();
        const writing = client.transaction({readOnly: true});
        await writing.run();
        writing.save({key: key('Steady', 'one'), data: {v: 3}});
        await fails(writing.commit(), INVALID_ARGUMENT);
    },

    // ---- what goes wrong on the way

    async 'the client tries again after 503, and tells a refused token'() {
        await save(['Retried', 'one'], {v: 1});
        await control('POST', '/sandbox/faults', {faults: ['datastore.projects.lookup:503:1:1']});
        assert.equal((await client.get(key('Retried', 'one')))[0].v, 1);
        await control('POST', '/sandbox/faults', {faults: ['datastore.projects.lookup:401:1:1'], replace: true});
        await fails(client.get(key('Retried', 'one')), UNAUTHENTICATED);
        await control('DELETE', '/sandbox/faults');
    },

    async 'DATASTORE_EMULATOR_HOST says where Datastore is'() {
        const script = `const {Datastore} = require('@google-cloud/datastore');
            const {PassThroughClient} = require('google-auth-library');
            const client = new Datastore({projectId: 'p', fallback: true, protocol: 'http', authClient: new PassThroughClient()});
            client.save({key: client.key(['Elsewhere', 'one']), data: {v: 1}}).catch(e => { console.error(e); process.exit(1); });`;
        const env = {...process.env, DATASTORE_EMULATOR_HOST: new URL(url).host};
        execFileSync(process.execPath, ['-e', script], {env, timeout: 60000});
        await eventually('the entity', async () => (await client.get(key('Elsewhere', 'one')))[0]);
    },
};

run(cases);
