'use strict';
'require baseclass';
'require homeca.api as api';

/*
 * All devices of the home. One answer holds as many as fit, so they come page by page; the first
 * page is enough to draw something.
 */

/** A home has at most some thousands; a daemon that never ends its list is not followed for ever. */
const MAX_PAGES = 200;

return baseclass.extend({
	/** @returns {Promise<{devices: object[], total: number, next: number|null}>} */
	page(from) {
		return api.call('devices', { from });
	},

	/**
	 * The devices behind a first page, those on it included.
	 *
	 * @param {object} first - from `page(0)`
	 * @param {function(Map<string, object>, number)} [onPage] - told after each page: what is known so far, and how many there are
	 * @returns {Promise<Map<string, object>>} by id, in the order the daemon has them
	 */
	async rest(first, onPage) {
		const devices = new Map();
		let page = first;
		for (let pages = 0; pages < MAX_PAGES; pages++) {
			for (const device of page.devices) devices.set(device.id, device);
			if (onPage !== undefined) onPage(devices, page.total);
			if (page.next === null) break;
			page = await this.page(page.next);
		}
		return devices;
	},

	/** @returns {Promise<Map<string, object>>} by id */
	async all() {
		const devices = await api.devices();
		return new Map(devices.map((device) => [ device.id, device ]));
	},

	/** Names of all groups that some device is in, sorted. */
	groups(devices) {
		const names = new Set();
		for (const device of devices.values()) for (const name of device.groups) names.add(name);
		return Array.from(names).sort((a, b) => a.localeCompare(b));
	}
});
