'use strict';
'require baseclass';
'require homeca.api as api';
'require homeca.dialog as dialog';
'require homeca.life as life';
'require homeca.revocation as revocation';
'require homeca.words as words';

/* What the owner does with one device. Each says first what it will do, and to whom. */

function subject(device) {
	return E('p', {}, [
		E('strong', {}, [ E('bdi', {}, [ words.title(device) ]) ]), ' ', E('code', {}, [ device.id ])
	]);
}

/** Of the actions that are a question and a call; `revoke` and `rename` are more than that. */
function plain() {
	return {
		approve: {
			title: _('Let this device in?'),
			text: _('It gets a certificate and comes into your network. Compare its code, and what it claims, with the thing you hold.'),
			verb: _('Let it in')
		},
		deny: {
			title: _('Turn this device away?'),
			text: _('It is turned away until you let it in after all.'),
			verb: _('Turn it away'),
			isDangerous: true
		},
		release: {
			title: _('Give this device up?'),
			text: _('Its certificates are withdrawn, and another home can own it. A device that speaks with HomeCA erases what it has of this home and confirms that with a signature; one that is away does so when it is next here.'),
			verb: _('Release'),
			isDangerous: true
		},
		readmit: {
			title: _('Take this device in again?'),
			text: _('It may pair again and then waits for your decision.'),
			verb: _('Take it in again')
		},
		remove: {
			title: _('Forget this device?'),
			text: _('Its record is deleted, with its name, its rights and its groups. Should it come again, it is new here.'),
			verb: _('Forget'),
			isDangerous: true
		},
		lock: {
			title: _('Theft-lock this device?'),
			text: _('It never frees itself, however long it misses its home, and takes no release. If the keys of this home are lost, nobody can pair it again, so keep a backup of them.'),
			verb: _('Theft-lock'),
			isDangerous: true
		},
		unlock: {
			title: _('Take the theft lock off?'),
			text: _('Whoever holds it may pair it anew once it has missed its home for long, and it may be released.'),
			verb: _('Unlock'),
			isDangerous: true
		}
	};
}

return baseclass.extend({
	/** What can be done in this state, in the order of the buttons. */
	of(device) {
		return [ 'approve', 'deny', 'readmit', 'lock', 'unlock', 'release', 'revoke', 'remove' ]
			.filter((action) => life.allows(action, device));
	},

	verb(action) {
		return action === 'revoke' ? _('Revoke') : plain()[action].verb;
	},

	isDangerous(action) {
		return action === 'revoke' || plain()[action].isDangerous === true;
	},

	/**
	 * Asks and does it.
	 *
	 * @returns {Promise<object|null>} what the daemon answered, an empty object after a revocation;
	 *   null where the owner thought better of it
	 */
	async run(action, device) {
		if (action === 'revoke')
			return await revocation.run(device, words.title(device)) ? {} : null;
		const { title, text, verb, isDangerous } = plain()[action];
		const answer = await dialog.ask({
			title, verb, isDangerous,
			content: [
				subject(device),
				action === 'approve' && device.code ? E('p', { 'class': 'homeca-code' }, [ device.code ]) : '',
				E('p', {}, [ text ])
			],
			run: () => api.call(action, { id: device.id })
		});
		if (answer !== null && action === 'release') await this.receipt(device, answer);
		return answer;
	},

	/** What the device has said to its release. */
	receipt(device, { confirmed }) {
		const close = E('button', { 'type': 'button', 'class': 'btn' }, [ _('Close') ]);
		const open = dialog.open(_('Released'), [
			subject(device),
			E('p', {}, [
				confirmed === null ? _('It cannot confirm that itself. Take the certificate off it before you give it away.')
					: confirmed ? _('It has erased what it had of this home, kept its key and confirmed that with its signature. It can be given away.')
						: _('It has not confirmed that yet: it gets its release when it is next here.')
			]),
			E('div', { 'class': 'right' }, [ close ])
		]);
		return new Promise((resolve) => {
			close.addEventListener('click', () => {
				open.close();
				resolve();
			});
			close.focus();
		});
	},

	/** Asks for another name. */
	rename(device) {
		const name = E('input', {
			'id': 'homeca-name', 'type': 'text', 'class': 'cbi-input-text', 'maxlength': '64', 'value': device.name ?? ''
		});
		const asked = dialog.ask({
			title: _('Give this device another name'),
			content: [
				subject(device),
				E('div', { 'class': 'homeca-field' }, [ E('label', { 'for': 'homeca-name' }, [ _('Name') ]), name ])
			],
			verb: _('Rename'),
			run: () => name.value.trim() === ''
				? Promise.reject(new Error(_('Write a name for it.')))
				: api.call('rename', { id: device.id, name: name.value.trim() })
		});
		name.focus();
		name.select();
		return asked;
	}
});
