'use strict';
'require baseclass';
'require homeca.api as api';
'require homeca.words as words';

/* Who waits and what does not work, on LuCI's own status page. */

return baseclass.extend({
	title: _('HomeCA'),

	load() {
		return api.call('status').catch((error) => error);
	},

	render(status) {
		if (status instanceof Error)
			return E('p', {}, [ status.message ]);

		const wrong = status.parts.filter((part) => !part.good);
		const pending = status.devices.pending ?? 0;

		return E('div', {}, [
			E('p', {}, [
				N_(status.devices.active ?? 0, '%d active device', '%d active devices').format(status.devices.active ?? 0), ', ',
				E('a', { 'href': L.url('admin/services/homeca/home') }, [
					N_(pending, '%d waits for you', '%d wait for you').format(pending)
				])
			]),
			...wrong.map((part) => E('p', {}, [ _('%s: %s').format(words.part(part.part), part.sentence) ]))
		]);
	}
});
