'use strict';
'require baseclass';
'require homeca.api as api';
'require homeca.dialog as dialog';

/*
 * Revoking a device, and the proof of it: each step ticks off once the daemon says that it is done,
 * with the milliseconds that had gone by. The answer comes as one; its steps are shown one behind
 * the other, since that is how they happened.
 */

/** Between two ticks, for the eye; none for who asked for less motion. */
const TICK_MS = 120;

const STEPS = [ 'record', 'tickets', 'connections', 'firewall', 'access-point', 'list' ];

function stepName(step) {
	switch (step) {
	case 'record': return _('On record as revoked');
	case 'connections': return _('Its connections are closed');
	case 'tickets': return _('Its tickets to come back quickly are dead');
	case 'firewall': return _('The firewall lets nothing of it through');
	case 'access-point': return _('Its access point was told');
	case 'list': return _('The new revocation list is out');
	default: return step;
	}
}

function reasons() {
	return [
		[ 'privilegeWithdrawn', _('I do not want it here any more') ],
		[ 'keyCompromise', _('It was lost or stolen, or somebody else may have its key') ],
		[ 'cessationOfOperation', _('It is out of use') ],
		[ 'superseded', _('Another device takes its place') ]
	];
}

function wait(milliseconds) {
	return new Promise((resolve) => window.setTimeout(resolve, milliseconds));
}

/** Tenths count where it went fast. */
function duration(milliseconds) {
	const shown = milliseconds < 10 ? Math.round(milliseconds * 10) / 10 : Math.round(milliseconds);
	return _('%s ms').format(String(shown));
}

function line(step) {
	return E('li', { 'class': 'homeca-step', 'data-step': step }, [
		E('span', { 'class': 'homeca-tick', 'aria-hidden': 'true' }, [ '…' ]),
		E('div', {}, [
			E('div', {}, [ stepName(step) ]),
			E('div', { 'class': 'homeca-quiet homeca-told' })
		]),
		E('span', { 'class': 'homeca-took' })
	]);
}

/** Ticks one step off; one that nobody expected is added. */
function tick(list, { step, done, milliseconds, sentence }) {
	let item = list.querySelector('[data-step="%s"]'.format(CSS.escape(step)));
	if (item === null) list.appendChild(item = line(step));
	const isDone = done !== false;
	item.classList.add(isDone ? 'homeca-done' : 'homeca-undone');
	item.querySelector('.homeca-tick').replaceChildren(isDone ? '✓' : '✗');
	item.querySelector('.homeca-told').replaceChildren(E('bdi', {}, [ sentence ]));
	item.querySelector('.homeca-took').replaceChildren(duration(milliseconds));
}

/** Steps that the daemon did not speak of were not needed. */
function strike(list) {
	for (const item of list.querySelectorAll('li:not(.homeca-done):not(.homeca-undone)')) {
		item.classList.add('homeca-quiet');
		item.querySelector('.homeca-tick').replaceChildren('–');
		item.querySelector('.homeca-told').replaceChildren(_('was not needed'));
	}
}

return baseclass.extend({
	/**
	 * Asks, revokes and shows the proof.
	 *
	 * @param {{ id: string }} device
	 * @param {string} name - what it is called
	 * @returns {Promise<boolean>} whether it was revoked
	 */
	async run(device, name) {
		const reason = E('select', { 'id': 'homeca-reason', 'class': 'cbi-input-select' },
			reasons().map(([ value, title ]) => E('option', { value }, [ title ])));
		const answer = await dialog.ask({
			title: _('Revoke this device?'),
			content: [
				E('p', {}, [ E('strong', {}, [ E('bdi', {}, [ name ]) ]), ' ', E('code', {}, [ device.id ]) ]),
				E('p', {}, [ _('Its certificates go on the revocation list, its connections end now, and it cannot come back by itself. You can take it in again later.') ]),
				E('div', { 'class': 'homeca-field' }, [ E('label', { 'for': 'homeca-reason' }, [ _('Why') ]), reason ])
			],
			verb: _('Revoke'),
			isDangerous: true,
			run: () => api.call('revoke', { id: device.id, reason: reason.value })
		});
		if (answer === null) return false;
		await this.show(answer.proof ?? [], name);
		return true;
	},

	/** Shows the proof until it is closed. */
	async show(proof, name) {
		const list = E('ol', { 'class': 'homeca-proof' }, STEPS.map(line));
		const total = E('p', { 'role': 'status' });
		const close = E('button', { 'type': 'button', 'class': 'btn' }, [ _('Close') ]);
		const open = dialog.open(_('Revoked: the proof'), [
			E('p', {}, [ E('strong', {}, [ E('bdi', {}, [ name ]) ]) ]),
			list,
			total,
			E('div', { 'class': 'right' }, [ close ])
		]);
		const closed = new Promise((resolve) => close.addEventListener('click', () => {
			open.close();
			resolve();
		}));
		close.focus();
		const isCalm = window.matchMedia('(prefers-reduced-motion: reduce)').matches;
		for (const step of proof) {
			if (!isCalm) await wait(TICK_MS);
			tick(list, step);
		}
		strike(list);
		const last = proof.reduce((most, step) => Math.max(most, step.milliseconds), 0);
		total.replaceChildren(proof.some(({ done }) => done === false)
			? _('Some steps are not done: see what they say.')
			: _('It is out: everything was done within %s of your word.').format(duration(last)));
		await closed;
	}
});
