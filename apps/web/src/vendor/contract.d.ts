/** The typed calls that the command line and the tests make, too; the API serves them as they are. */
export { caller } from '@longshore/contract/caller';
