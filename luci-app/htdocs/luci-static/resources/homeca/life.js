'use strict';
'require baseclass';

/*
 * A device's life: its state in a sentence, how it came to its name and its key, and what may be done
 * with it in that state. The states and their ways are those of the daemon's lifecycle
 * table, which has the last word: a button that should not be here is refused there.
 */

/** In which states the owner can do what. */
const ALLOWED = {
	approve: [ 'pending', 'denied' ],
	deny: [ 'pending' ],
	revoke: [ 'approved', 'active', 'dormant' ],
	release: [ 'approved', 'active', 'dormant' ],
	readmit: [ 'revoked', 'released' ],
	remove: [ 'expected', 'pending', 'denied', 'revoked', 'released' ]
};

return baseclass.extend({
	/** Whether the owner can do this to the device now. */
	allows(action, device) {
		if (action === 'lock' || action === 'unlock')
			return device.class === 'aware' && device.state !== 'released' && device.theftLock === (action === 'unlock');
		return ALLOWED[action].includes(device.state);
	},

	/** Whether the device belongs to the home: only such a one asks others for something. */
	isMember(device) {
		return [ 'approved', 'active', 'dormant' ].includes(device.state);
	},

	/** The state in a sentence. */
	stateSentence(state) {
		switch (state) {
		case 'expected': return _('It is on your list and has not come yet.');
		case 'pending': return _('It asks to be taken in and waits for your decision.');
		case 'approved': return _('You said yes; it has not joined with its certificate yet.');
		case 'active': return _('It belongs to this home.');
		case 'dormant': return _('It belongs to this home but was silent for so long that its certificates ended; it comes back when it proves that it lives.');
		case 'denied': return _('You said no; it is turned away.');
		case 'revoked': return _('Its certificates were withdrawn; it cannot come back by itself.');
		case 'released': return _('You gave it up, so that another home can own it.');
		default: return state;
		}
	},

	/** Who gave it its name. */
	namedBy(source) {
		switch (source) {
		case 'owner': return _('You gave it this name.');
		case 'import': return _('The name is from a list that you imported.');
		case 'device': return _('The device calls itself so.');
		default: return _('It has none.');
		}
	},

	/**
	 * How the device came to its present key.
	 *
	 * @param {string|null} keyCase - null where it was not agreed on with this home
	 * @param {boolean} isCertified - whether it ever had a certificate
	 * @returns {{ title: string, text: string, isWeak: boolean }}
	 */
	keyCase(keyCase, isCertified) {
		switch (keyCase) {
		case 'good-unknown':
			return {
				title: _('Only the device knows its key'),
				text: _('The device and this home agreed on the key, with randomness of both. The key before it was agreed on here as well, so nobody else ever knew it.'),
				isWeak: false
			};
		case 'good-known':
			return {
				title: _('Only the device knows its key now'),
				text: _('The device and this home agreed on the key, with randomness of both. Its maker or last owner may know the key it came with, but that does not tell them this one. They could have stood in for the device while it was taken in: comparing the code rules that out.'),
				isWeak: false
			};
		case 'weak-unknown':
			return {
				title: _('The key is as secret as the one before it'),
				text: _('The device gave no randomness of its own, so its key comes from this home and from the key before it. That one was agreed on here, and nobody else is known to have it.'),
				isWeak: true
			};
		case 'weak-known':
			return {
				title: _('Others may be able to work out its key'),
				text: _('The device gave no randomness of its own, and its maker or last owner may know the key it came with. Whoever knows that one and listened while it was taken in can work out this one. Give it few rights.'),
				isWeak: true
			};
		default:
			return isCertified ? {
				title: _('The key was not agreed on with this home'),
				text: _('It came with a request for a certificate, or was made on this router, as for a phone or a laptop.'),
				isWeak: false
			} : {
				title: _('It has no certified key yet'),
				text: _('The key is agreed on once the device is taken in.'),
				isWeak: false
			};
		}
	}
});
