'use strict';
'require baseclass';
'require homeca.api as api';
'require homeca.dialog as dialog';
'require homeca.rights as rights';

/* A device's rights one by one, each with a button that takes it away. */

return baseclass.extend({
	/**
	 * @param {object} asked
	 * @param {string} asked.id - of the device that has them
	 * @param {string} asked.name - what it is called
	 * @param {object[]} asked.rights - as method `rights` has them
	 * @param {function(string): string} asked.nameOf - what the device of an id is called
	 * @param {boolean} asked.isReadOnly - no buttons then
	 * @param {function()} asked.changed - told when one was taken away
	 * @returns {Node}
	 */
	draw(asked) {
		return E('ul', { 'class': 'homeca-list' }, asked.rights.map((right) => {
			const sentence = rights.sentence(asked.name, right, asked.nameOf);
			return E('li', {}, [
				E('bdi', {}, [ sentence ]),
				' ',
				asked.isReadOnly ? '' : E('button', {
					'type': 'button',
					'class': 'btn cbi-button-negative homeca-small',
					'aria-label': _('Take away: %s').format(sentence),
					'click': () => this.takeAway(asked, right, sentence)
				}, [ _('Take away') ])
			]);
		}));
	},

	takeAway(asked, right, sentence) {
		return dialog.ask({
			title: _('Take this right away?'),
			content: [
				E('p', {}, [ E('strong', {}, [ E('bdi', {}, [ sentence ]) ]) ]),
				E('p', {}, [ _('Certificates of this device that say so are withdrawn now. A device that speaks with HomeCA gets another one by itself; any other needs a new one from you.') ])
			],
			verb: _('Take away'),
			isDangerous: true,
			run: () => api.call('withhold', {
				id: asked.id, to: right.to, path: right.path, methods: right.methods.join(',')
			})
		}).then((answer) => {
			if (answer !== null) asked.changed();
		});
	}
});
