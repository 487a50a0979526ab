'use strict';
'require baseclass';
'require ui';
'require homeca.api as api';
'require homeca.live as live';

/* The search for new devices: begun for all or for a type, counted down while it lasts, ended. */

const SEARCH_SECONDS = 120;

return baseclass.extend({
	/**
	 * @returns {{ node: Node, update: function(object) }} `update` takes what method `status` says of the search
	 */
	create() {
		const node = E('div', { 'class': 'homeca-buttons' });
		let countdown = null;

		const ask = (args) => api.call('search', args).catch((error) => live.complain(error));
		const button = (label, style, handler) => E('button', {
			'type': 'button',
			'class': 'btn ' + style,
			'click': ui.createHandlerFn(this, handler)
		}, [ label ]);

		const offer = () => {
			const type = E('input', { 'class': 'cbi-input-text', 'id': 'homeca-type', 'maxlength': 16, 'placeholder': _('any type') });
			const begin = () => ask({
				seconds: SEARCH_SECONDS,
				type: type.value.trim() === '' ? undefined : type.value.trim()
			});

			node.replaceChildren(
				button(_('Search for new devices'), 'cbi-button-action', begin),
				E('label', { 'for': 'homeca-type' }, [ _('of type') ]),
				type
			);
		};

		const count = (seconds) => {
			const end = Date.now() + seconds * 1000;
			const left = E('span', { 'class': 'homeca-time' });
			const tick = () => {
				left.replaceChildren(_('Searching for new devices: %d s left').format(Math.max(0, Math.ceil((end - Date.now()) / 1000))));
			};

			tick();
			countdown = setInterval(tick, 1000);
			node.replaceChildren(left, button(_('Stop searching'), '', () => ask({ seconds: 0 })));
		};

		return {
			node,
			update({ seconds }) {
				const isOffered = countdown === null && node.firstChild !== null;

				clearInterval(countdown);
				countdown = null;

				if (seconds > 0)
					count(seconds);
				/* What is being typed into it stays. */
				else if (!isOffered)
					offer();
			}
		};
	}
});
