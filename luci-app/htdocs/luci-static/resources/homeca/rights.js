'use strict';
'require baseclass';
'require homeca.words as words';

/*
 * What devices may ask of each other: words for it, and who is meant by a right. A right is as
 * method `rights` has it: { to, path, methods }, `to` being a device's id, `@` and a group's name,
 * or `all`.
 */

/** As a device's certificate lists them; the first four are all that most devices know. */
const METHODS = [ 'GET', 'PUT', 'POST', 'DELETE', 'FETCH', 'PATCH', 'iPATCH' ];
const USUAL = 4;

const ALL = 'all';
const GROUP_MARK = '@';

/** Octets of one path, and what stands for itself in it (RFC 3986 §3.3, §3.4); anything else is escaped. */
const MAX_PATH = 255;
const PATH = new RegExp("^/(?:[A-Za-z0-9._~!$&'()*+,;=:@/?-]|%[0-9A-F]{2})*$");

/** Names with commas, and `and` before the last. */
function listed(names) {
	if (names.length < 2) return names.join('');
	return _('%s and %s').format(names.slice(0, -1).join(', '), names[names.length - 1]);
}

return baseclass.extend({
	METHODS,
	USUAL,
	ALL,
	listed,

	groupTarget(name) {
		return GROUP_MARK + name;
	},

	/** The group that a target names; null for any other target. */
	groupOf(to) {
		return to.startsWith(GROUP_MARK) ? to.slice(1) : null;
	},

	/** What a method does, where a person asks. */
	verb(method) {
		switch (method) {
		case 'GET':
		case 'FETCH': return _('read');
		case 'PUT': return _('set');
		case 'POST': return _('use');
		case 'DELETE': return _('delete');
		default: return _('change');
		}
	},

	/** The methods as words with each once: `read and set`. */
	verbs(methods) {
		return listed(this.verbList(methods));
	},

	verbList(methods) {
		const said = METHODS.filter((method) => methods.includes(method)).map((method) => this.verb(method));
		return Array.from(new Set(said));
	},

	/** A target in words. @param {function(string): string} nameOf - what a device's id is called */
	target(to, nameOf) {
		const group = this.groupOf(to);
		if (group !== null) return _('every device in the group %s').format(group);
		return to === ALL ? _('every device') : nameOf(to);
	},

	/** One right as a sentence about the device that has it. */
	sentence(name, right, nameOf) {
		return _('%s may %s %s of %s.').format(name, this.verbs(right.methods), right.path, this.target(right.to, nameOf));
	},

	/**
	 * Which of the asker's rights are against this device, and by which way.
	 *
	 * @param {object[]} all - the asker's
	 * @param {{ id: string, groups: string[] }} target
	 * @returns {{ own: object[], shared: object[] }} by its id; by a group it is in, or as one of all
	 */
	against(all, target) {
		const own = all.filter((right) => right.to === target.id);
		const shared = all.filter((right) =>
			right.to === ALL || (this.groupOf(right.to) !== null && target.groups.includes(this.groupOf(right.to))));
		return { own, shared };
	},

	/** What is wrong with a path, in one sentence; null where it can be granted. */
	pathFault(path) {
		if (path === '') return _('Write the path of what may be asked for, such as /temperature.');
		if (!path.startsWith('/')) return _('Begin the path with /, as in /temperature.');
		if (path.length > MAX_PATH) return _('The path is too long: a device takes 255 characters.');
		if (!PATH.test(path)) return _('Escape what a path cannot hold, such as %20 for a blank.');
		return null;
	}
});
