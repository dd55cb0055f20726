declare const task: (value: number) => number;
export default task;
