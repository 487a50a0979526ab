'use strict';
'require baseclass';

/* Hands something over as a file, without asking the router again. */

const AFTER_MS = 1000;

return baseclass.extend({
	/**
	 * @param {string} name - of the file, chosen by us and by no device
	 * @param {string} type - its media type
	 * @param {string|Uint8Array} content
	 */
	save(name, type, content) {
		const url = URL.createObjectURL(new Blob([ content ], { type }));
		const link = E('a', { 'href': url, 'download': name });

		document.body.appendChild(link);
		link.click();
		link.remove();
		/* Some browsers read it a moment later. */
		setTimeout(() => URL.revokeObjectURL(url), AFTER_MS);
	}
});
