'use strict';
'require baseclass';
'require rpc';

/*
 * The methods of the ubus object homeca, each as a function of one object of
 * arguments. An answer is what docs/reference.md says; a refusal is an Error
 * whose message is the daemon's one sentence.
 */

/* Arguments by method, in any order: what is not given is not sent. */
const METHODS = {
	status: [],
	pulse: [],
	devices: [ 'state', 'from' ],
	device: [ 'id' ],
	approve: [ 'id', 'name', 'vlan' ],
	deny: [ 'id' ],
	rename: [ 'id', 'name' ],
	revoke: [ 'id', 'reason' ],
	release: [ 'id' ],
	readmit: [ 'id' ],
	remove: [ 'id' ],
	lock: [ 'id' ],
	unlock: [ 'id' ],
	patience: [ 'id', 'days' ],
	sign: [ 'id', 'request' ],
	issue: [ 'id', 'name', 'class', 'password' ],
	profile: [ 'id', 'name', 'platform', 'ssid', 'password' ],
	link: [ 'id', 'name', 'platform', 'ssid', 'password', 'seconds' ],
	cage: [ 'name', 'class', 'mac' ],
	rights: [ 'id' ],
	grant: [ 'id', 'to', 'path', 'methods' ],
	withhold: [ 'id', 'to', 'path', 'methods' ],
	group: [ 'id', 'group' ],
	ungroup: [ 'id', 'group' ],
	search: [ 'seconds', 'type' ],
	import: [ 'text', 'format' ],
	log: [ 'device', 'limit', 'after' ],
	why: [ 'id', 'to', 'path', 'method', 'at' ],
	audit: [ 'device', 'before', 'limit' ],
	verify: [],
	authority: [],
	crl: [],
	reload: [],
	replaced: []
};

/* Status codes of ubus that come without a sentence (libubus, ubusmsg.h). */
const CODES = {
	3: _('HomeCA does not know this request: the page and the package homeca are of different versions.'),
	4: _('HomeCA is not running.'),
	6: _('You may look at this page, but not change anything: log in as an administrator.'),
	7: _('HomeCA did not answer in time.')
};

function fail(code) {
	const error = new Error(CODES[code] ?? _('HomeCA did not answer (ubus code %d).').format(code));
	error.isAway = (code === 4 || code === 7);
	throw error;
}

function answerOf(result) {
	if (typeof(result) === 'number')
		return result === 0 ? {} : fail(result);

	if (result === null || typeof(result) !== 'object')
		return fail(4);

	if (typeof(result.reason) === 'string' && typeof(result.message) === 'string') {
		const text = result.message.charAt(0).toUpperCase() + result.message.slice(1);
		const error = new Error(text.endsWith('.') ? text : text + '.');
		error.reason = result.reason;
		throw error;
	}

	return result;
}

const calls = {};

for (const method of Object.keys(METHODS)) {
	const params = METHODS[method];
	const call = rpc.declare({ object: 'homeca', method, params });

	calls[method] = (args = {}) => {
		/* rpc.declare takes them by position; what is undefined does not survive JSON. */
		return call.apply(null, params.map((name) => args[name] ?? undefined)).then(answerOf, (error) => {
			/* uhttpd refuses by itself: no such object while the daemon is away, or no right. */
			if (/-32002|[Aa]ccess denied/.test(error.message))
				return fail(6);

			return fail(4);
		});
	};
}

return baseclass.extend({
	METHODS,

	/* The answer of a method, or an Error with a sentence. */
	call(method, args) {
		return calls[method](args);
	},

	/* All devices, portion by portion. */
	devices(state) {
		const all = [];
		const next = (from) => calls.devices({ state, from }).then((page) => {
			all.push(...page.devices);

			return page.next === null ? all : next(page.next);
		});

		return next(0);
	}
});
