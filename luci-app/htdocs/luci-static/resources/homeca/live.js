'use strict';
'require baseclass';
'require poll';
'require ui';
'require homeca.api as api';

/* A page that follows the daemon: it asks for the pulse each second, and for what it shows only when that has moved. */

const AWAY_AFTER = 2;

return baseclass.extend({
	/* The page's own style sheet: LuCI's themes have none for what only this page has. */
	style() {
		return E('link', { 'rel': 'stylesheet', 'href': L.resource('homeca/homeca.css') });
	},

	/*
	 * Calls refresh(pulse) now and whenever something may be otherwise; it
	 * returns a promise. The node that is returned says so while the daemon is
	 * away, and is empty otherwise.
	 */
	follow(refresh) {
		const banner = E('div', { 'class': 'homeca-away', 'role': 'status', 'aria-live': 'polite' });
		let seen = null;
		let missed = 0;
		let busy = false;

		const look = () => {
			if (busy)
				return Promise.resolve();

			busy = true;

			return api.call('pulse').then((pulse) => {
				missed = 0;

				if (banner.firstChild)
					banner.replaceChildren();

				const now = [ pulse.boot, pulse.revision, pulse.events ].join(' ');

				if (now === seen)
					return null;

				return Promise.resolve(refresh(pulse)).then(() => { seen = now; });
			}).catch((error) => {
				if (++missed < AWAY_AFTER || banner.firstChild)
					return;

				seen = null;
				banner.appendChild(E('div', { 'class': 'alert-message warning' }, [
					E('p', {}, [ error.message ]),
					E('p', {}, [ _('What you see here is as it was. This page goes on by itself.') ])
				]));
			}).finally(() => { busy = false; });
		};

		poll.add(look, 1);
		look();

		return banner;
	},

	/* Says what a refused action was refused for. */
	complain(error) {
		ui.addNotification(null, E('p', {}, [ error.message ]), 'error');
	}
});
