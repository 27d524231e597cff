// Google's Pub/Sub client against the sandbox, over REST: topics, subscriptions, messages and what goes
// wrong with them. Streaming pull needs gRPC and is not there.
'use strict';

const {execFileSync} = require('node:child_process');
const {PubSub, v1} = require('@google-cloud/pubsub');
const {PassThroughClient} = require('google-auth-library');
const {assert, control, eventually, fails, run, url} = require('./cases.js');

// Codes of gRPC. The older client makes them from HTTP's status alone, which several of them share.
const NOT_FOUND = 5, ALREADY_EXISTS = [6, 10], INVALID_ARGUMENT = 3, FAILED_PRECONDITION = [9, 3], UNAUTHENTICATED = 16;

// Without validateStatus newer clients give the status of HTTP where a code of gRPC is meant.
const authClient = new PassThroughClient({transporterOptions: {validateStatus: () => true}});
const client = new PubSub({projectId: 'p', apiEndpoint: url, fallback: true, protocol: 'http', authClient});
let subscriber;

async function makeTopic(name, options = {}) {
    return (await client.createTopic({name, ...options}))[0];
}

// A topic with one subscription of the same name.
async function makePair(name, options = {}) {
    const topic = await makeTopic(name);
    return [topic, (await topic.createSubscription(name, options))[0]];
}

// Messages until there are so many; each is left to its deadline.
async function pull(subscription, count, options = {}) {
    const received = [];
    await eventually(`${count} messages of ${subscription.name}`, async () => {
        const [answer] = await subscriber.pull({subscription: subscription.name, maxMessages: count - received.length, ...options});
        received.push(...answer.receivedMessages);
        return received.length >= count;
    });
    return received;
}

// Nothing is there to be delivered: the next message that comes is the one published here.
async function assertEmpty(topic, subscription) {
    const id = await topic.publishMessage({data: Buffer.from('the end')});
    const [last] = await pull(subscription, 1);
    assert.equal(last.message.messageId, id, `${last.message.data} was still there`);
    await acknowledge(subscription, [last]);
}

async function acknowledge(subscription, messages) {
    await subscriber.acknowledge({subscription: subscription.name, ackIds: messages.map(m => m.ackId)});
}

async function refuse(subscription, messages) {
    await subscriber.modifyAckDeadline({
        subscription: subscription.name, ackIds: messages.map(m => m.ackId), ackDeadlineSeconds: 0,
    });
}

function texts(messages) {
    return messages.map(m => m.message.data.toString());
}

const cases = {
    async 'a subscriber is made from the same configuration'() {
        subscriber = new v1.SubscriberClient(await client.getClientConfig());
    },

    // ---- topics and subscriptions

    async 'a topic is made, found, changed, listed and deleted'() {
        const topic = await makeTopic('topic', {labels: {team: 'ops'}, messageRetentionDuration: {seconds: 86400}});
        assert.equal(topic.name, 'projects/p/topics/topic');
        assert.deepEqual(await topic.exists(), [true]);
        assert.deepEqual(await client.topic('none').exists(), [false]);
        const [metadata] = await topic.getMetadata();
        assert.deepEqual(metadata.labels, {team: 'ops'});
        assert.equal(Number(metadata.messageRetentionDuration.seconds), 86400);
        const [changed] = await topic.setMetadata({labels: {team: 'data'}});
        assert.deepEqual(changed.labels, {team: 'data'});
        assert.ok((await client.getTopics())[0].some(t => t.name === topic.name));
        await fails(makeTopic('topic'), ALREADY_EXISTS);
        await topic.delete();
        await fails(topic.delete(), NOT_FOUND);
        await fails(client.topic('none').getMetadata(), NOT_FOUND);
        await fails(makeTopic('1 bad name'), INVALID_ARGUMENT);
    },

    async 'a subscription keeps what it was made with'() {
        await makeTopic('kept');
        const dead = await makeTopic('kept_dead');
        const [made] = await client.topic('kept').createSubscription('kept', {
            ackDeadlineSeconds: 30, retainAckedMessages: true, messageRetentionDuration: 3600, enableMessageOrdering: true,
            filter: 'attributes.x = "1"', labels: {a: 'b'},
            deadLetterPolicy: {deadLetterTopic: dead.name, maxDeliveryAttempts: 7},
            retryPolicy: {minimumBackoff: {seconds: 5}, maximumBackoff: {seconds: 60}},
        });
        const [metadata] = await made.getMetadata();
        assert.equal(metadata.topic, 'projects/p/topics/kept');
        assert.equal(metadata.ackDeadlineSeconds, 30);
        assert.equal(metadata.retainAckedMessages, true);
        assert.equal(Number(metadata.messageRetentionDuration.seconds), 3600);
        assert.equal(metadata.enableMessageOrdering, true);
        assert.equal(metadata.filter, 'attributes.x = "1"');
        assert.equal(metadata.deadLetterPolicy.maxDeliveryAttempts, 7);
        assert.equal(Number(metadata.retryPolicy.minimumBackoff.seconds), 5);
        assert.equal(metadata.state, 'ACTIVE');
        const [changed] = await made.setMetadata({ackDeadlineSeconds: 60, labels: {a: 'c'}});
        assert.deepEqual([changed.ackDeadlineSeconds, changed.labels], [60, {a: 'c'}]);
        assert.equal(changed.filter, 'attributes.x = "1"');
    },

    async 'subscriptions are found, listed and deleted'() {
        const [topic, subscription] = await makePair('listed');
        assert.deepEqual(await subscription.exists(), [true]);
        assert.deepEqual(await client.subscription('none').exists(), [false]);
        assert.deepEqual((await topic.getSubscriptions())[0].map(s => s.name), [subscription.name]);
        assert.ok((await client.getSubscriptions())[0].some(s => s.name === subscription.name));
        await fails(topic.createSubscription('listed', {gaxOpts: {retry: null}}), ALREADY_EXISTS);
        await fails(client.topic('none').createSubscription('of_none'), NOT_FOUND);
        await fails(topic.createSubscription('hasty', {ackDeadlineSeconds: 5}), INVALID_ARGUMENT);
        await fails(topic.createSubscription('strange', {filter: 'attributes.x ='}), INVALID_ARGUMENT);
        await subscription.delete();
        await fails(subscription.delete(), NOT_FOUND);
        await fails(subscriber.pull({subscription: subscription.name, maxMessages: 1}), NOT_FOUND);
    },

    async 'a subscription outlives its topic and can be detached'() {
        const [topic, subscription] = await makePair('detached');
        await client.detachSubscription(subscription.name);
        await fails(subscriber.pull({subscription: subscription.name, maxMessages: 1}), FAILED_PRECONDITION);
        const [, orphan] = await makePair('orphaned');
        await client.topic('orphaned').delete();
        assert.equal((await orphan.getMetadata())[0].topic, '_deleted-topic_');
        await topic.delete();
    },

    // ---- messages

    async 'messages come back as they were published'() {
        const [topic, subscription] = await makePair('echo');
        const all = Buffer.from(Array.from({length: 256}, (_, i) => i));
        const ids = await Promise.all([
            topic.publishMessage({data: all, attributes: {k: 'ü😀', empty: ''}}),
            topic.publishMessage({attributes: {only: 'attributes'}}),
            topic.publishMessage({json: {a: [1]}}),
        ]);
        assert.equal(new Set(ids).size, 3);
        const received = await pull(subscription, 3);
        const first = received.find(m => m.message.messageId === ids[0]).message;
        assert.deepEqual(Buffer.from(first.data), all);
        assert.deepEqual(first.attributes, {k: 'ü😀', empty: ''});
        assert.ok(Math.abs(Number(first.publishTime.seconds) - Date.now() / 1000) < 60);
        assert.equal(received.find(m => m.message.messageId === ids[2]).message.data.toString(), '{"a":[1]}');
        await acknowledge(subscription, received);
        await assertEmpty(topic, subscription);
    },

    async 'a hundred messages are published in one batch and acknowledged'() {
        const [, subscription] = await makePair('batch');
        const topic = client.topic('batch', {batching: {maxMessages: 100, maxMilliseconds: 1000}});
        const names = Array.from({length: 100}, (_, i) => `m${i}`);
        await Promise.all(names.map(name => topic.publishMessage({data: Buffer.from(name)})));
        const received = await pull(subscription, 100);
        assert.deepEqual(texts(received).sort(), names.sort());
        await acknowledge(subscription, received);
        await assertEmpty(topic, subscription);
    },

    async 'messages with the same ordering key keep their order'() {
        const [, subscription] = await makePair('ordered', {enableMessageOrdering: true});
        const topic = client.topic('ordered', {messageOrdering: true});
        for (let i = 0; i < 10; i++)
            await Promise.all(['a', 'b'].map(key => topic.publishMessage({data: Buffer.from(`${key}${i}`), orderingKey: key})));
        const received = [];
        while (received.length < 20) {
            const some = await pull(subscription, 1, {maxMessages: 7});
            received.push(...some);
            await acknowledge(subscription, some);
        }
        for (const key of ['a', 'b']) {
            const ofKey = received.filter(m => m.message.orderingKey === key);
            assert.deepEqual(texts(ofKey), Array.from({length: 10}, (_, i) => `${key}${i}`));
        }
    },

    async 'a pull waits for a message'() {
        const [topic, subscription] = await makePair('awaited');
        const waiting = pull(subscription, 1);
        await topic.publishMessage({data: Buffer.from('late')});
        assert.deepEqual(texts(await waiting), ['late']);
    },

    async 'a refused message comes again with another ack id'() {
        const [topic, subscription] = await makePair('refused');
        await topic.publishMessage({data: Buffer.from('again')});
        const first = await pull(subscription, 1);
        await subscriber.modifyAckDeadline({subscription: subscription.name, ackIds: [first[0].ackId], ackDeadlineSeconds: 60});
        await refuse(subscription, first);
        const second = await pull(subscription, 1);
        assert.equal(second[0].message.messageId, first[0].message.messageId);
        assert.notEqual(second[0].ackId, first[0].ackId);
        await acknowledge(subscription, second);
        await assertEmpty(topic, subscription);
    },

    async 'a filter keeps other messages out'() {
        const [topic, subscription] = await makePair('filtered', {
            filter: 'attributes.kind = "order" AND NOT hasPrefix(attributes.id, "test-")',
        });
        for (const attributes of [{kind: 'order', id: '1'}, {kind: 'order', id: 'test-2'}, {kind: 'other', id: '3'}, {}])
            await topic.publishMessage({data: Buffer.from(attributes.id || 'none'), attributes});
        await topic.publishMessage({data: Buffer.from('4'), attributes: {kind: 'order', id: '4'}});
        const received = await pull(subscription, 2);
        assert.deepEqual(texts(received).sort(), ['1', '4']);
    },

    async 'a subscription is sought back to a time and to a snapshot'() {
        const [topic, subscription] = await makePair('sought', {retainAckedMessages: true});
        const before = new Date(Date.now() - 1000);
        await topic.publishMessage({data: Buffer.from('one')});
        await acknowledge(subscription, await pull(subscription, 1));
        await subscription.seek(before);
        const again = await pull(subscription, 1);
        assert.deepEqual(texts(again), ['one']);
        await acknowledge(subscription, again);
        await subscription.createSnapshot('moment');
        await topic.publishMessage({data: Buffer.from('two')});
        await acknowledge(subscription, await pull(subscription, 1));
        assert.ok((await client.getSnapshots())[0].some(s => s.name === 'projects/p/snapshots/moment'));
        await subscription.seek('moment');
        const replayed = await pull(subscription, 1);
        assert.deepEqual(texts(replayed), ['two']);
        await acknowledge(subscription, replayed);
        await client.snapshot('moment').delete();
        await fails(client.snapshot('moment').delete(), NOT_FOUND);
        await fails(subscription.seek('moment'), NOT_FOUND);
        await fails(client.subscription('none').createSnapshot('of_none'), NOT_FOUND);
    },

    async 'a message that is refused too often becomes a dead letter'() {
        const dead = await makeTopic('dead');
        const [graveyard] = await dead.createSubscription('dead');
        const [topic, subscription] = await makePair('poison', {
            deadLetterPolicy: {deadLetterTopic: dead.name, maxDeliveryAttempts: 5},
        });
        const id = await topic.publishMessage({data: Buffer.from('bad'), attributes: {k: 'v'}});
        for (let attempt = 1; attempt <= 5; attempt++) {
            const received = await pull(subscription, 1);
            assert.deepEqual([received[0].message.messageId, received[0].deliveryAttempt], [id, attempt]);
            await refuse(subscription, received);
        }
        const [letter] = await pull(graveyard, 1);
        assert.equal(letter.message.data.toString(), 'bad');
        assert.equal(letter.message.attributes.k, 'v');
        assert.equal(letter.message.attributes.CloudPubSubDeadLetterSourceSubscription, 'poison');
        assert.equal(letter.message.attributes.CloudPubSubDeadLetterSourceDeliveryCount, '5');
        await assertEmpty(topic, subscription);
    },

    // ---- what goes wrong on the way

    async 'what cannot be published is refused'() {
        await fails(client.topic('none').publishMessage({data: Buffer.from('x')}), NOT_FOUND);
        const [topic] = await makePair('strict');
        await fails(topic.publishMessage({data: Buffer.from(''), attributes: {}}), INVALID_ARGUMENT);
        await fails(topic.publishMessage({data: Buffer.from('x'), attributes: {['k'.repeat(300)]: 'v'}}), INVALID_ARGUMENT);
    },

    async 'the client tries again after 503, and tells a refused token'() {
        const [topic, subscription] = await makePair('retried');
        await control('POST', '/sandbox/faults', {faults: ['pubsub.projects.topics.publish:503:1:2']});
        await topic.publishMessage({data: Buffer.from('after all')});
        assert.deepEqual(texts(await pull(subscription, 1)), ['after all']);
        await control('POST', '/sandbox/faults', {faults: ['pubsub.projects.topics.get:401:1:1'], replace: true});
        await fails(topic.getMetadata(), UNAUTHENTICATED);
        await control('DELETE', '/sandbox/faults');
    },

    async 'a client with its own ways reads errors too'() {
        const plain = new PubSub({
            projectId: 'p', apiEndpoint: url, fallback: true, protocol: 'http', authClient: new PassThroughClient(),
        });
        await fails(plain.topic('none').getMetadata(), [NOT_FOUND, 404]);
    },

    async 'PUBSUB_EMULATOR_HOST says where Pub/Sub is'() {
        const script = `const {PubSub} = require('@google-cloud/pubsub');
            const {PassThroughClient} = require('google-auth-library');
            const client = new PubSub({projectId: 'p', fallback: true, protocol: 'http', authClient: new PassThroughClient()});
            client.createTopic('elsewhere').then(([t]) => console.log(t.name), e => { console.error(e); process.exit(1); });`;
        const env = {...process.env, PUBSUB_EMULATOR_HOST: new URL(url).host};
        assert.equal(execFileSync(process.execPath, ['-e', script], {env, timeout: 60000}).toString().trim(),
            'projects/p/topics/elsewhere');
        assert.deepEqual(await client.topic('elsewhere').exists(), [true]);
    },
};

run(cases);
