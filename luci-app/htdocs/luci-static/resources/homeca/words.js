'use strict';
'require baseclass';

/* Words for what the daemon answers with, in the owner's language. Nothing here comes from a device. */

const STATES = {
	expected: _('expected'),
	pending: _('waits for you'),
	approved: _('approved'),
	active: _('active'),
	dormant: _('dormant'),
	denied: _('denied'),
	revoked: _('revoked'),
	released: _('released')
};

const CLASSES = {
	aware: _('speaks HomeCA'),
	certificate: _('has a certificate'),
	legacy: _('caged, with a Wi-Fi key of its own'),
	wired: _('caged, on a cable')
};

const PLACES = {
	home: _('in the network'),
	quarantine: _('in quarantine'),
	none: _('not connected')
};

const PROVEN = {
	'setup-code': _('It has the setup code that you imported.'),
	'imported-key': _('It has the key on the list that you imported.'),
	owner: _('You vouched for it.'),
	nothing: _('Nothing is proven yet: anybody nearby could say the same.')
};

const PARTS = {
	time: _('Time'),
	storage: _('Storage'),
	authority: _('Authority'),
	firewall: _('Firewall'),
	radius: _('RADIUS'),
	'access-points': _('Access points')
};

const KINDS = {
	admitted: _('admitted'),
	quarantined: _('held in quarantine'),
	refused: _('refused'),
	owner: _('you'),
	device: _('device'),
	authority: _('authority'),
	house: _('house')
};

const ALARMS = {
	'duplicate-key': _('Two devices use its key: one of them is a copy.')
};

const DAY = 86400;

function word(table, key) {
	return table[key] ?? key ?? '';
}

return baseclass.extend({
	STATES,
	CLASSES,
	KINDS,

	state(key) { return word(STATES, key); },
	deviceClass(key) { return word(CLASSES, key); },
	place(key) { return word(PLACES, key); },
	proven(key) { return word(PROVEN, key); },
	part(key) { return word(PARTS, key); },
	kind(key) { return word(KINDS, key); },
	alarm(key) { return key === null ? null : word(ALARMS, key); },

	/* A moment in the browser's own manner; seconds since 1970, or null. */
	moment(seconds) {
		return seconds === null || seconds === undefined
			? _('time not known')
			: new Date(seconds * 1000).toLocaleString(undefined, { dateStyle: 'medium', timeStyle: 'short' });
	},

	day(seconds) {
		return seconds === null || seconds === undefined
			? '–'
			: new Date(seconds * 1000).toLocaleDateString(undefined, { dateStyle: 'medium' });
	},

	/* For how long, in the largest unit that says it. */
	span(seconds) {
		if (seconds < 60)
			return _('%d s').format(seconds);

		if (seconds < 3600)
			return _('%d min').format(Math.round(seconds / 60));

		if (seconds < 2 * DAY)
			return _('%d h').format(Math.round(seconds / 3600));

		return _('%d days').format(Math.round(seconds / DAY));
	},

	/* A sentence of the daemon without the commands that it names for the terminal at its end: here are buttons. */
	sentence(text) {
		const cut = Math.max(text.lastIndexOf('; run `homeca '), text.lastIndexOf(': run `homeca '));

		return cut < 0 ? text : text.slice(0, cut) + '.';
	},

	/* What a device is called: the owner's name for it, or what it calls itself, or its id. */
	title(device) {
		return device.name || device.id;
	}
});
